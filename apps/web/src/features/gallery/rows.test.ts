import fc from 'fast-check';
import { expect, test } from 'vitest';
import { layRows } from './rows.ts';

const box = fc.record({ width: fc.integer({ min: 64, max: 2048 }), height: fc.integer({ min: 64, max: 2048 }) });
const page = { width: 1_000, targetHeight: 200, gap: 8 };

test('rows keep order, shape and page width', () => {
  fc.assert(
    fc.property(fc.array(box, { maxLength: 80 }), (boxes) => {
      const rows = layRows(boxes, page);
      expect(rows.flatMap(({ tiles }) => tiles.map(({ item }) => item))).toEqual(boxes);
      for (const [index, { height, tiles }] of rows.entries()) {
        expect(height).toBeLessThanOrEqual(page.targetHeight + 1e-9);
        for (const { item, width } of tiles) expect(width / height).toBeCloseTo(item.width / item.height, 6);
        const rowWidth = tiles.reduce((sum, { width }) => sum + width, page.gap * (tiles.length - 1));
        if (index < rows.length - 1) expect(rowWidth).toBeCloseTo(page.width, 6);
        else expect(rowWidth).toBeLessThanOrEqual(page.width + 1e-6);
      }
    }),
  );
});

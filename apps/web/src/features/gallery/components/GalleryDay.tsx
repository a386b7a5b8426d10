'use client';
import type { Asset } from '@studio/contracts';
import { useMemo } from 'react';
import { type Day, titleOfDay } from '../days.ts';
import { layRows } from '../rows.ts';
import { GalleryTile } from './GalleryTile.tsx';

const gap = 6;
const phoneWidth = 560;

interface GalleryDayProps {
  day: Day<Asset>;
  width: number;
}

/** Heights are known before any picture is, so rows far from the view cost nothing and never jump. */
export const GalleryDay = ({ day, width }: GalleryDayProps) => {
  const targetHeight = width < phoneWidth ? 132 : 184;
  const rows = useMemo(() => layRows(day.items, { width, targetHeight, gap }), [day.items, width, targetHeight]);
  return (
    <section aria-labelledby={`day-${day.key}`}>
      <h2 id={`day-${day.key}`} className="mb-2 flex items-baseline gap-2 font-medium text-ink-2 text-sm">
        {titleOfDay(day.key, new Date())}
        <span className="font-mono text-2xs text-ink-3 tabular-nums">{day.items.length}</span>
      </h2>
      <div className="flex flex-col" style={{ gap }}>
        {rows.map(({ height, tiles }) => (
          <div
            key={tiles[0]?.item.id}
            className="flex [content-visibility:auto]"
            style={{ gap, height, containIntrinsicHeight: `${height}px` }}
          >
            {tiles.map((tile) => (
              <GalleryTile key={tile.item.id} asset={tile.item} width={tile.width} height={height} />
            ))}
          </div>
        ))}
      </div>
    </section>
  );
};

import { type Asset, assetSchema } from '@studio/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AssetPages, insertAsset, listAssetsOf, removeAsset } from './asset-pages.ts';

const crockford = '0123456789abcdefghjkmnpqrstvwxyz';
const idOf = (n: number) => `ast_${'0'.repeat(24)}${crockford[Math.floor(n / 32)]}${crockford[n % 32]}`;

const assetOf = (n: number): Asset =>
  assetSchema.parse({
    id: idOf(n),
    jobId: `job_${'0'.repeat(26)}`,
    index: 0,
    width: 128,
    height: 128,
    contentType: 'image/png',
    sizeBytes: 1,
    sha256: 'a'.repeat(64),
    url: '/blobs/x',
    downloadUrl: '/blobs/x',
    params: null,
    createdAt: new Date(1_700_000_000_000 + n * 1_000).toISOString(),
    deletedAt: null,
  });

const pagesOf = (numbers: number[][], hasMore: boolean): AssetPages => ({
  pages: numbers.map((page, index) => ({
    items: page.map(assetOf),
    nextCursor: index < numbers.length - 1 || hasMore ? 'more' : null,
  })),
  pageParams: numbers.map(() => ''),
});

const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 900 }), { minLength: 4, maxLength: 40 });

test('removing a picture and putting it back changes nothing', () => {
  fc.assert(
    fc.property(numbers, fc.nat(), (set, pick) => {
      const sorted = set.toSorted((a, b) => b - a);
      const pages = pagesOf([sorted.slice(0, 3), sorted.slice(3)], false);
      const asset = assetOf(sorted[pick % sorted.length] ?? 0);
      const again = insertAsset(removeAsset(pages, asset.id), asset);
      expect(listAssetsOf(again)).toEqual(listAssetsOf(pages));
    }),
  );
});

test('a new picture stands first, once', () => {
  const pages = insertAsset(insertAsset(pagesOf([[5, 4], [3]], true), assetOf(9)), assetOf(9));
  expect(listAssetsOf(pages).map(({ id }) => id)).toEqual([9, 5, 4, 3].map(idOf));
});

test('a picture older than what was read is left to its own page', () => {
  const pages = insertAsset(pagesOf([[5, 4]], true), assetOf(1));
  expect(listAssetsOf(pages)).toHaveLength(2);
});

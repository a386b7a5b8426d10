import type { Asset } from '@studio/contracts';
import type { InfiniteData } from '@tanstack/react-query';

interface Page {
  readonly items: Asset[];
  readonly nextCursor: string | null;
}

export type AssetPages = InfiniteData<Page, string>;

/** Newest first; ids sort by time, so that pictures of one instant keep one order. */
const isNewer = (a: Asset, b: Asset): boolean =>
  a.createdAt === b.createdAt ? a.id > b.id : Date.parse(a.createdAt) > Date.parse(b.createdAt);

const replaceItems = (pages: AssetPages, edit: (items: Asset[], page: number) => Asset[]): AssetPages => ({
  ...pages,
  pages: pages.pages.map((page, index) => ({ ...page, items: edit(page.items, index) })),
});

export const listAssetsOf = (pages: Pick<AssetPages, 'pages'>): Asset[] => pages.pages.flatMap(({ items }) => items);

export const removeAsset = (pages: AssetPages, assetId: string): AssetPages =>
  replaceItems(pages, (items) => items.filter(({ id }) => id !== assetId));

const insertSorted = (items: Asset[], asset: Asset): Asset[] => {
  const place = items.findIndex((item) => isNewer(asset, item));
  return place < 0 ? [...items, asset] : items.toSpliced(place, 0, asset);
};

/** Puts a picture at its place in time. One that is older than all that was read waits for its page to be read. */
export const insertAsset = (pages: AssetPages, asset: Asset): AssetPages => {
  const without = removeAsset(pages, asset.id);
  const place = without.pages.findIndex(({ items }) => items.some((item) => isNewer(asset, item)));
  const last = without.pages.length - 1;
  if (place < 0 && without.pages[last]?.nextCursor) return without;
  const target = place < 0 ? last : place;
  return replaceItems(without, (items, index) => (index === target ? insertSorted(items, asset) : items));
};

export interface Box {
  readonly width: number;
  readonly height: number;
}

export interface Row<T extends Box> {
  readonly height: number;
  readonly tiles: readonly { readonly item: T; readonly width: number }[];
}

interface RowOptions {
  readonly width: number;
  /** Rows come out near this height; the last row of a group never exceeds it. */
  readonly targetHeight: number;
  readonly gap: number;
}

const aspectOf = ({ width, height }: Box): number => width / height;

const fillRow = <T extends Box>(items: readonly T[], height: number): Row<T> => ({
  height,
  tiles: items.map((item) => ({ item, width: aspectOf(item) * height })),
});

/** Justified rows: every picture whole, every full row exactly as wide as the page. Linear in the number of pictures. */
export const layRows = <T extends Box>(items: readonly T[], { width, targetHeight, gap }: RowOptions): Row<T>[] => {
  const rows: Row<T>[] = [];
  let pending: T[] = [];
  let aspectSum = 0;
  for (const item of items) {
    pending.push(item);
    aspectSum += aspectOf(item);
    const height = (width - gap * (pending.length - 1)) / aspectSum;
    if (height > targetHeight) continue;
    rows.push(fillRow(pending, height));
    pending = [];
    aspectSum = 0;
  }
  if (pending.length > 0) rows.push(fillRow(pending, targetHeight));
  return rows;
};

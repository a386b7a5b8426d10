import type { JobCard } from './cards.ts';

const columnsFor = (count: number): number => {
  if (count === 1) return 1;
  if (count <= 4) return 2;
  return count <= 6 ? 3 : 4;
};

/** How a batch is laid into one box, and that box's shape. */
export const gridOf = ({ count, size }: Pick<JobCard, 'count' | 'size'>) => {
  const columns = columnsFor(count);
  const rows = Math.ceil(count / columns);
  return { columns, rows, aspect: (columns * size.width) / (rows * size.height) };
};

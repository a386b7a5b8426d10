export interface Day<T> {
  /** Local calendar day, `2026-11-24`. */
  readonly key: string;
  readonly items: readonly T[];
}

const toKey = (date: Date): string =>
  [date.getFullYear(), String(date.getMonth() + 1).padStart(2, '0'), String(date.getDate()).padStart(2, '0')].join('-');

/** Groups a list that is sorted by time into local days, in the same order. */
export const groupByDay = <T extends { readonly createdAt: string }>(items: readonly T[]): Day<T>[] =>
  [...Map.groupBy(items, ({ createdAt }) => toKey(new Date(createdAt)))].map(([key, group]) => ({ key, items: group }));

const dayMs = 86_400_000;

export const titleOfDay = (key: string, now: Date): string => {
  if (key === toKey(now)) return 'Today';
  if (key === toKey(new Date(now.getTime() - dayMs))) return 'Yesterday';
  const date = new Date(`${key}T12:00:00`);
  const isThisYear = date.getFullYear() === now.getFullYear();
  return date.toLocaleDateString('en', {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    ...(!isThisYear && { year: 'numeric' }),
  });
};

import { expect, test } from 'vitest';
import { groupByDay, titleOfDay } from './days.ts';

const at = (createdAt: string) => ({ createdAt: new Date(createdAt).toISOString() });

test('pictures fall into local days, newest first', () => {
  const days = groupByDay([at('2026-11-24T00:10:00'), at('2026-11-23T23:50:00'), at('2026-11-23T08:00:00')]);
  expect(days.map(({ key, items }) => [key, items.length])).toEqual([
    ['2026-11-24', 1],
    ['2026-11-23', 2],
  ]);
});

test('near days have names, far ones a date, other years their year', () => {
  const now = new Date('2026-11-24T12:00:00');
  const titles = ['2026-11-24', '2026-11-23', '2026-11-20', '2025-11-20'].map((key) => titleOfDay(key, now));
  expect(titles).toEqual(['Today', 'Yesterday', 'Friday, November 20', 'Thursday, November 20, 2025']);
});

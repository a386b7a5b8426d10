import fc from 'fast-check';
import { expect, test } from 'vitest';
import { estimatePosition, type TeamLoad } from './position.ts';

/** Serves the queue as the claim does, one job after the other, until the asked job runs. */
const simulate = (load: readonly TeamLoad[], teamId: string, ahead: number): number => {
  const teams = load.map((team) => ({ ...team }));
  for (let served = 1; ; served++) {
    const waiting = teams.filter((team) => team.queued > 0);
    waiting.sort((a, b) => a.tag - b.tag || Number(b.teamId === teamId) - Number(a.teamId === teamId));
    const [next] = waiting;
    if (!next) throw new Error('the job is not in the queue');
    if (next.teamId === teamId && ahead-- === 0) return served;
    next.queued--;
    next.tag += 1 / next.weight;
  }
};

const anyLoad = fc
  .array(
    fc.record({
      queued: fc.integer({ min: 1, max: 30 }),
      // Eighths are exact in binary, so that ties are ties in both.
      tag: fc.integer({ min: 0, max: 40 }).map((eighths) => eighths / 8),
      weight: fc.constantFrom(1, 2, 4, 8),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((teams) => teams.map((team, i): TeamLoad => ({ ...team, teamId: `t${i}` })));

test('the place in line is where the job runs when all jobs cost alike', () => {
  fc.assert(
    fc.property(anyLoad, fc.nat(), fc.nat(), (load, teamIndex, jobIndex) => {
      const team = load[teamIndex % load.length];
      if (!team) return;
      const ahead = jobIndex % team.queued;
      const position = estimatePosition(load, { teamId: team.teamId, ahead, cost: 1 });
      expect(position).toBe(simulate(load, team.teamId, ahead));
    }),
  );
});

test('a team that nobody has counted yet stands at the head', () => {
  const load = [{ teamId: 'a', queued: 100, tag: 7, weight: 1 }];
  expect(estimatePosition(load, { teamId: 'new', ahead: 0, cost: 1 })).toBe(1);
  expect(estimatePosition([], { teamId: 'new', ahead: 3, cost: 1 })).toBe(4);
});

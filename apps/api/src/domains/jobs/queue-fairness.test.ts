import { randomBytes } from 'node:crypto';
import type { TeamId } from '@studio/contracts';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Claimed, openTestQueue, type TestQueue } from './queue.fixture.ts';

let testQueue: TestQueue;
beforeAll(async () => {
  testQueue = await openTestQueue(2);
  await testQueue.addModels(['warm', 'cold']);
});
afterAll(() => testQueue?.close());

/** A queue that no other test has used. */
const newQueue = () => {
  const name = randomBytes(6).toString('hex');
  return { name, ...testQueue.inQueue(name) };
};
type Queue = ReturnType<typeof newQueue>;

const countOf = (served: readonly TeamId[], teamId: TeamId): number => served.filter((id) => id === teamId).length;

/** Serves `count` jobs on `slots` engines, each finishing its oldest job before it takes the next. */
const serve = async (queue: Queue, { count, slots }: { count: number; slots: number }): Promise<TeamId[]> => {
  const served: TeamId[] = [];
  const running: Claimed[] = [];
  while (served.length < count) {
    const oldest = running.length === slots ? running.shift() : undefined;
    if (oldest) await queue.finalize(oldest);
    const job = await queue.claim();
    if (!job) break;
    running.push(job);
    served.push(job.team_id);
  }
  for (const job of running) await queue.finalize(job);
  return served;
};

test('teams that always wait are served 8 : 4 : 2 : 1, whoever floods the queue', async () => {
  const queue = newQueue();
  const weights = [8, 4, 2, 1];
  const teams = await Promise.all(weights.map((weight) => queue.addTeam({ weight })));
  const [, , , smallest] = teams;
  const count = 150;
  for (const teamId of teams) await queue.enqueueMany(teamId, teamId === smallest ? 200 : 90);
  const served = await serve(queue, { count, slots: 4 });
  teams.forEach((teamId, i) => {
    const fair = (count * (weights[i] ?? 0)) / 15;
    expect(Math.abs(countOf(served, teamId) - fair)).toBeLessThanOrEqual(1);
  });
});

test('work counts, not jobs: a team whose jobs cost three times as much gets a third as many', async () => {
  const queue = newQueue();
  const [light, heavy] = await Promise.all([queue.addTeam(), queue.addTeam()]);
  await queue.enqueueMany(light, 60, { cost: 1 });
  await queue.enqueueMany(heavy, 30, { cost: 3 });
  const served = await serve(queue, { count: 60, slots: 1 });
  expect(countOf(served, light)).toBeGreaterThanOrEqual(44);
  expect(countOf(served, heavy)).toBeGreaterThanOrEqual(14);
});

test('a single job of a newcomer runs next although another team has hundreds waiting', async () => {
  const queue = newQueue();
  const [whale, newcomer] = await Promise.all([queue.addTeam({ weight: 8 }), queue.addTeam()]);
  await queue.enqueueMany(whale, 150);
  await serve(queue, { count: 50, slots: 2 });
  await queue.enqueue(newcomer);
  const served = await serve(queue, { count: 3, slots: 1 });
  expect(served).toContain(newcomer);
});

test('idle time earns no credit and a burst leaves no debt beyond its last job', async () => {
  const queue = newQueue();
  const [busy, idle] = await Promise.all([queue.addTeam(), queue.addTeam()]);
  await queue.enqueue(idle);
  await queue.enqueueMany(busy, 60);
  await serve(queue, { count: 31, slots: 1 });
  await queue.enqueueMany(idle, 20);
  const served = await serve(queue, { count: 20, slots: 1 });
  expect(Math.abs(countOf(served, busy) - countOf(served, idle))).toBeLessThanOrEqual(1);
});

test('a team held at its cap while another ran is level with it afterwards, and so is one that arrives meanwhile', async () => {
  const queue = newQueue();
  const [held, busy, newcomer] = await Promise.all([
    queue.addTeam({ maxRunning: 1 }),
    queue.addTeam({ maxRunning: 1 }),
    queue.addTeam({ maxRunning: 1 }),
  ]);
  await queue.enqueueMany(held, 20);
  const long = await queue.claim();
  await queue.enqueueMany(busy, 60);
  // The long job of `held` keeps it blocked while `busy` is served forty times; then all lanes are blocked.
  await serve(queue, { count: 40, slots: 1 });
  const last = await queue.claim();
  expect(await queue.claim()).toBeNull();
  await queue.enqueueMany(newcomer, 20);
  if (long) await queue.finalize(long);
  if (last) await queue.finalize(last);
  const served = await serve(queue, { count: 30, slots: 1 });
  for (const teamId of [held, busy, newcomer]) expect(Math.abs(countOf(served, teamId) - 10)).toBeLessThanOrEqual(1);
});

test('a warm model goes ahead by the window at most, and pays the jump back', async () => {
  const queue = newQueue();
  const [cold, warm] = await Promise.all([queue.addTeam(), queue.addTeam()]);
  for (let i = 0; i < 20; i++) {
    await queue.enqueue(cold, { model: 'cold' });
    await queue.enqueue(warm, { model: 'warm' });
  }
  const served: TeamId[] = [];
  let furthest = 0;
  for (let i = 0; i < 20; i++) {
    const job = await queue.claim(['warm']);
    if (!job) break;
    served.push(job.team_id);
    await queue.finalize(job);
    furthest = Math.max(furthest, countOf(served, warm) - countOf(served, cold));
  }
  // Window 1 and cost 1: level, one ahead, and the one that is just being taken.
  expect(furthest).toBe(2);
  expect(countOf(served, cold)).toBeGreaterThanOrEqual(9);
});

const maxCost = 4;
const anyOperation = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('enqueue' as const),
      team: fc.nat(3),
      cost: fc.integer({ min: 1, max: maxCost }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('claim' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('finish' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), which: fc.nat(20) }) },
);
type Operation = typeof anyOperation extends fc.Arbitrary<infer T> ? T : never;

const perform = async (
  queue: Queue,
  { teams, running }: { teams: TeamId[]; running: Claimed[] },
  operation: Operation,
) => {
  if (operation.kind === 'enqueue') {
    const teamId = teams[operation.team];
    if (teamId) await queue.enqueue(teamId, { cost: operation.cost });
    return;
  }
  if (operation.kind === 'claim') {
    const job = await queue.claim();
    if (job) running.push(job);
    return;
  }
  const [job] = running.splice(operation.which % Math.max(1, running.length), 1);
  if (!job) return;
  if (operation.kind === 'finish') {
    await queue.finalize(job);
    return;
  }
  await queue.expireLease(job);
  await queue.reap();
  await queue.endBackoffs();
  await queue.promote();
};

const readTags = (queue: Queue) =>
  queue.read(sql<{ now: number; tag: number; weight: number }>`
    select queue_virtual_time(${queue.name}) as now, lane.tag, team_queue.weight
    from lane join team_queue using (team_id) where lane.queue = ${queue.name} and lane.is_eligible`);

test('whatever happens, virtual time never falls and each waiting team is at most one job away from it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyOperation, { minLength: 20, maxLength: 60 }), async (list) => {
      const queue = newQueue();
      const weights = [8, 4, 2, 1];
      // Caps of one and two: most of the time some lanes are blocked, often all.
      const teams = await Promise.all(weights.map((weight, i) => queue.addTeam({ weight, maxRunning: 1 + (i % 2) })));
      const running: Claimed[] = [];
      let before = 0;
      for (const operation of list) {
        await perform(queue, { teams, running }, operation);
        for (const { now, tag, weight } of await readTags(queue)) {
          expect(now).toBeGreaterThanOrEqual(before);
          before = now;
          expect(tag).toBeGreaterThanOrEqual(now - 1e-9);
          expect(tag).toBeLessThanOrEqual(now + maxCost / weight + 1e-9);
        }
      }
    }),
    { numRuns: 12 },
  );
}, 60_000);

import type { JobId, TeamId } from '@studio/contracts';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Claimed, openTestQueue, type TestQueue } from './queue.fixture.ts';

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue(8);
  await queue.addModels(['m0', 'm1', 'm2']);
});
afterAll(() => queue?.close());

/** mulberry32: a failure names its seed and can be run again. */
const seededRandom = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
};

const unfinished = sql<{ count: number }>`
  select count(*)::int as count from job where state in ('queued', 'retry_wait', 'running')`;

/** Teams that run more than they may, lanes and teams whose counters differ from their jobs, and gaps in the event logs. */
const findDrift = () =>
  queue.read(sql<{ what: string }>`
    select 'cap ' || t.team_id as what from team_queue t where t.running > t.max_running
    union all select 'running ' || t.team_id from team_queue t
      where t.running <> (select count(*) from job j where j.team_id = t.team_id and j.state = 'running')
    union all select 'waiting ' || t.team_id from team_queue t where t.queued <>
      (select count(*) from job j where j.team_id = t.team_id and j.state in ('queued', 'retry_wait'))
    union all select 'lane ' || l.team_id || l.model from lane l where l.queued <> (select count(*) from job j
      where j.queue = l.queue and j.team_id = l.team_id and j.model = l.model and j.state = 'queued')
    union all select 'blocked ' || l.team_id from lane l join team_queue t using (team_id)
      where l.is_blocked and t.running < t.max_running
    union all select 'events ' || t.team_id from team_queue t
      where t.event_seq <> (select count(*) from event e where e.team_id = t.team_id)`);

interface Run {
  readonly teams: readonly TeamId[];
  readonly random: () => number;
  readonly claims: Set<string>;
  readonly doubleClaims: string[];
  readonly accepted: Map<JobId, number>;
  readonly zombies: Claimed[];
  isOver: boolean;
}

const settle = async (run: Run, job: Claimed, outcome: 'succeeded' | 'failed', isRetryable: boolean): Promise<void> => {
  const { verdict, state } = await queue.finalize(job, outcome, isRetryable);
  if (verdict === 'settled' && state !== 'retry_wait') run.accepted.set(job.id, (run.accepted.get(job.id) ?? 0) + 1);
};

/** An engine: mostly draws, sometimes fails, sometimes dies, and some of the dead come back later with a result. */
const work = async (run: Run): Promise<void> => {
  while (!run.isOver) {
    const job = await queue.claim([`m${Math.floor(run.random() * 3)}`]);
    if (!job) continue;
    const key = `${job.id}:${job.attempt}`;
    if (run.claims.has(key)) run.doubleClaims.push(key);
    run.claims.add(key);
    const fate = run.random();
    if (fate < 0.1) {
      await queue.expireLease(job);
      if (fate < 0.05) run.zombies.push(job);
    } else {
      await settle(run, job, fate < 0.85 ? 'succeeded' : 'failed', fate < 0.95);
    }
  }
};

const reapAll = async (run: Run): Promise<void> => {
  while (!run.isOver) {
    await queue.reap();
    await queue.endBackoffs();
    await queue.promote();
    const zombie = run.zombies.shift();
    if (zombie) await settle(run, zombie, 'succeeded', false);
  }
};

const watchCaps = async (run: Run): Promise<string[]> => {
  const violations: string[] = [];
  while (!run.isOver) violations.push(...(await findOverCap()));
  return violations;
};

const findOverCap = async (): Promise<string[]> => {
  const rows = await queue.read(sql<{ team_id: string }>`
    select team_id from team_queue t where max_running <
      (select count(*) from job j where j.team_id = t.team_id and j.state = 'running')`);
  return rows.map((row) => row.team_id);
};

const submitAll = async (run: Run, count: number): Promise<JobId[]> => {
  const ids: JobId[] = [];
  for (let i = 0; i < count; i++) {
    const teamId = run.teams[Math.floor(run.random() ** 2 * run.teams.length)];
    if (!teamId) continue;
    const id = await queue.enqueue(teamId, { model: `m${i % 3}`, cost: 0.5 + run.random() });
    ids.push(id);
    if (run.random() < 0.05) await queue.cancel(teamId, id);
  }
  return ids;
};

const untilEmpty = async (run: Run): Promise<void> => {
  for (;;) {
    const [row] = await queue.read(unfinished);
    if (row?.count === 0) break;
  }
  run.isOver = true;
};

test('with engines that die, come back and race: no job is lost, doubled or over its cap, and no counter drifts', async () => {
  const seed = Date.now();
  const random = seededRandom(seed);
  const teams = await Promise.all(
    Array.from({ length: 12 }, (_, i) => queue.addTeam({ weight: 2 ** (i % 4), maxRunning: 1 + (i % 3) })),
  );
  const run: Run = {
    teams,
    random,
    claims: new Set(),
    doubleClaims: [],
    accepted: new Map(),
    zombies: [],
    isOver: false,
  };
  const jobCount = 250;
  const background = Promise.all([watchCaps(run), reapAll(run), ...Array.from({ length: 6 }, () => work(run))]);
  const ids = await submitAll(run, jobCount);
  await untilEmpty(run);
  const [capViolations] = await background;

  const ended = await queue.read(sql<{ count: number }>`
    select count(*)::int as count from job where finished_at is not null and id = any (${ids})`);
  expect({ seed, ended: ended[0]?.count }).toEqual({ seed, ended: jobCount });
  expect(run.doubleClaims).toEqual([]);
  expect(capViolations).toEqual([]);
  expect(Math.max(...run.accepted.values())).toBe(1);
  expect(await findDrift()).toEqual([]);
  expect(run.claims.size).toBeGreaterThan(jobCount * 0.9);
}, 60_000);

test('a stale finalize changes nothing; a repeated one gets its first answer', async () => {
  const teamId = await queue.addTeam();
  await queue.enqueue(teamId);
  const first = await queue.claim();
  if (!first) throw new Error('nothing to claim');
  await queue.expireLease(first);
  await queue.reap();
  await queue.endBackoffs();
  await queue.promote();
  const second = await queue.claim();
  expect(second).toMatchObject({ id: first.id, attempt: 2 });
  expect(await queue.finalize(first)).toMatchObject({ verdict: 'lost' });
  expect(await queue.finalize({ ...first, attempt: 2 })).toEqual({ verdict: 'settled', state: 'succeeded' });
  expect(await queue.finalize({ ...first, attempt: 2 }, 'failed')).toEqual({ verdict: 'repeated', state: 'succeeded' });
  expect(await queue.finalize({ id: first.id, attempt: 3 })).toMatchObject({ verdict: 'lost' });
  expect(await findDrift()).toEqual([]);
});

test('a job whose engines die three times fails and says so', async () => {
  const teamId = await queue.addTeam();
  const id = await queue.enqueue(teamId);
  for (let attempt = 1; attempt <= 3; attempt++) {
    const job = await queue.claim();
    expect(job).toMatchObject({ id, attempt });
    if (job) await queue.expireLease(job);
    await queue.reap();
    await queue.endBackoffs();
    await queue.promote();
  }
  const rows = await queue.read(sql<{ state: string; error: unknown }>`select state, error from job where id = ${id}`);
  expect(rows).toEqual([{ state: 'failed', error: { code: 'job.attempts_exhausted' } }]);
});

test('an attempt past its deadline fails although its lease is renewed', async () => {
  const teamId = await queue.addTeam();
  const id = await queue.enqueue(teamId);
  await queue.claim();
  await queue.read(sql`update job set deadline_at = now() - interval '1 second' where id = ${id}`);
  expect(await queue.reap()).toEqual([{ team_id: teamId, state: 'failed' }]);
  const rows = await queue.read(sql<{ error: unknown }>`select error from job where id = ${id}`);
  expect(rows).toEqual([{ error: { code: 'job.deadline_exceeded' } }]);
});

test('nothing is reaped while the database has been up for less than one lease', async () => {
  const teamId = await queue.addTeam();
  const id = await queue.enqueue(teamId);
  const job = await queue.claim();
  if (job) await queue.expireLease(job);
  expect(await queue.read(sql`select * from reap_jobs(100, interval '100 years')`)).toEqual([]);
  expect(await queue.reap()).toEqual([{ team_id: teamId, state: 'retry_wait' }]);
  expect(await queue.cancel(teamId, id)).toBe('cancelled');
});

test('back-off doubles from 5 s to 300 s and adds up to a fifth', async () => {
  const rows = await queue.read(sql<{ attempt: number; seconds: number }>`
    select attempt, extract(epoch from retry_delay(attempt))::float8 as seconds
    from generate_series(1, 12) attempt, generate_series(1, 50)`);
  for (const { attempt, seconds } of rows) {
    const least = Math.min(5 * 2 ** (attempt - 1), 300);
    expect(seconds).toBeGreaterThanOrEqual(least);
    expect(seconds).toBeLessThanOrEqual(least * 1.2);
  }
});

test('a running job whose cancel came first ends cancelled, whatever the engine reports', async () => {
  const teamId = await queue.addTeam();
  const id = await queue.enqueue(teamId);
  const job = await queue.claim();
  expect(await queue.cancel(teamId, id)).toBe('requested');
  expect(await queue.cancel(teamId, id)).toBe('repeated');
  if (job) expect(await queue.finalize(job)).toEqual({ verdict: 'settled', state: 'cancelled' });
  expect(await queue.cancel(teamId, id)).toBe('repeated');
});

test('an engine that gives up by itself does not end the job', async () => {
  const teamId = await queue.addTeam();
  await queue.enqueue(teamId);
  const job = await queue.claim();
  if (job) expect(await queue.finalize(job, 'cancelled')).toEqual({ verdict: 'settled', state: 'retry_wait' });
  await queue.endBackoffs();
  await queue.promote();
  const again = await queue.claim();
  if (again) await queue.finalize(again);
});

test('a job waits for an engine that has its model', async () => {
  const teamId = await queue.addTeam();
  const id = await queue.enqueue(teamId, { model: 'nobody-has-it' });
  expect(await queue.claim()).toBeNull();
  await queue.addModels(['nobody-has-it']);
  expect(await queue.claim()).toMatchObject({ id });
});

test('a file of another kind with that name does not do, but a diffusion model alone does', async () => {
  const teamId = await queue.addTeam();
  const id = await queue.enqueue(teamId, { model: 'flux' });
  await queue.addModels(['flux'], 'lora');
  expect(await queue.claim()).toBeNull();
  await queue.addModels(['flux'], 'diffusion_model');
  expect(await queue.claim()).toMatchObject({ id });
});

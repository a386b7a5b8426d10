import { openEvents, routes } from '@studio/client';
import type { Job, JobId } from '@studio/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, registerOwner } from '../harness/account.ts';
import { waitFor } from '../harness/process.ts';
import { randomFrom } from '../harness/random.ts';
import { type System, startSystem } from '../harness/system.ts';

const kills = 20;
const stepsPerJob = 12;
const jobsAtOnce = 4;
const endTimeoutMs = 120_000;

type Ended = 'succeeded' | 'failed' | 'cancelled';
const isEnded = (status: Job['status']): status is Ended => status !== 'queued' && status !== 'running';

/** Follows every job through the event stream; counts how often each one is said to have ended. */
const followJobs = async (system: System, account: Account) => {
  const endings = new Map<JobId, number>();
  let onStep = (): void => undefined;
  const ready = Promise.withResolvers<void>();
  const stream = openEvents({
    url: `${system.url.replace('http', 'ws')}/ws`,
    getAccessToken: () => account.session.accessToken,
    onUnauthorized: () => Promise.resolve(false),
    onReady: () => ready.resolve(),
    onEvent: (event) => {
      if (event.type === 'job.progress' && event.data.progress.stage === 'sampling') onStep();
      if (event.type === 'job.updated' && isEnded(event.data.status)) {
        endings.set(event.data.id, (endings.get(event.data.id) ?? 0) + 1);
      }
    },
  });
  await ready.promise;
  return {
    endings,
    /** Resolves with the `count`-th report from within a sampling run, of whichever jobs. */
    seeSteps: (count: number) =>
      new Promise<void>((resolve) => {
        let left = count;
        onStep = () => {
          left -= 1;
          if (left === 0) resolve();
        };
      }),
    close: stream.close,
  };
};

describe('an engine that is killed in mid-step', () => {
  let system: System;
  let account: Account;

  beforeAll(async () => {
    system = await startSystem();
    account = await registerOwner(system.url);
  }, 90_000);
  afterAll(() => system.stop());

  const submit = async (seed: number): Promise<JobId> => {
    const body = { prompt: 'a red apple', width: 64, height: 64, steps: stepsPerJob, seed, count: 2 };
    return (await account.client.call(routes.generateTxt2img, { body })).id;
  };
  const countActive = async (): Promise<number> =>
    (await account.client.call(routes.listJobs, { query: { status: 'active', limit: 100 } })).items.length;

  it(`loses no job and ends each one once, at ${kills} seeded points`, { timeout: 900_000 }, async () => {
    const random = randomFrom(20_261_124);
    const jobIds: JobId[] = [];
    const followed = await followJobs(system, account);
    let engine = system.startEngine('chaos-0');
    await waitFor('the engine', endTimeoutMs, async () =>
      (await account.client.call(routes.getGenerateOptions)).isEngineConnected ? true : null,
    );
    for (let kill = 0; kill < kills; kill += 1) {
      const missing = jobsAtOnce - (await countActive());
      for (let more = 0; more < missing; more += 1) jobIds.push(await submit(random.below(2 ** 32)));
      // Some engines die in their first job, some in their third.
      await followed.seeSteps(1 + random.below(8));
      await new Promise((resolve) => setTimeout(resolve, random.below(60)));
      await engine.kill();
      engine = system.startEngine('chaos-0');
    }
    await waitFor('every job to end', endTimeoutMs, async () => ((await countActive()) === 0 ? true : null));
    await waitFor('every end to be told', endTimeoutMs, async () =>
      followed.endings.size === jobIds.length ? true : null,
    );
    followed.close();
    await engine.stop();

    const jobs = await Promise.all(jobIds.map((id) => account.client.call(routes.getJob, { params: { id } })));
    expect(new Set(jobs.map(({ status }) => status))).toContain('succeeded');
    for (const job of jobs) {
      expect([job.id, followed.endings.get(job.id)]).toEqual([job.id, 1]);
      if (job.status === 'succeeded') expect(job.assets.map(({ index }) => index)).toEqual([0, 1]);
      else
        expect(job).toMatchObject({
          status: 'failed',
          attempt: 3,
          assets: [],
          error: { code: 'job.attempts_exhausted' },
        });
    }
    expect(
      await system.query('select sum(running)::int as running, sum(queued)::int as queued from team_queue'),
    ).toEqual([{ running: 0, queued: 0 }]);
    expect(await system.query('select coalesce(sum(queued), 0)::int as queued from lane')).toEqual([{ queued: 0 }]);
  });
});

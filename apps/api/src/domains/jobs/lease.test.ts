import { createHash } from 'node:crypto';
import {
  cancelJob,
  claimLeases,
  generateTxt2img,
  getGenerateOptions,
  getJob,
  getJobStatus,
  type JobId,
  reportProgress,
} from '@studio/contracts';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openScriptedEngine, pictureBytes, type ScriptedEngine } from '../../../test/scripted-engine.ts';
import { engineToken, startTestStudio, type TestStudio } from '../../../test/studio.ts';
import { promoteDueRetries, reapLeases } from './reaper.ts';

let studio: TestStudio;
let engine: ScriptedEngine;
let token: string;

beforeAll(async () => {
  studio = await startTestStudio();
  token = (await studio.registerOwner()).accessToken;
  engine = await openScriptedEngine(studio);
});
afterAll(() => studio?.stop());
/** Ends whatever a test left running or waiting. */
afterEach(async () => {
  do {
    await endLeases();
    await reapLeases(studio.deps);
    await endBackoffs();
    await promoteDueRetries(studio.deps);
  } while (await endNext());
});
const endNext = async (): Promise<boolean> => {
  const lease = await engine.claim();
  return lease !== null && engine.finalize(lease);
};

const failure = {
  status: 'failed',
  error: { code: 'engine.node_failed', message: 'It fell over.', nodeId: '5', classType: 'KSampler' },
} as const;
const nodeErrors = {
  '5': {
    errors: [
      { type: 'engine.node_failed', message: 'It fell over.', details: '', extra_info: { inputs: { steps: 1 } } },
    ],
    dependent_outputs: ['7'],
    class_type: 'KSampler',
  },
};

const submit = () => studio.call(generateTxt2img, { token, body: { prompt: 'a red apple' } });
const read = (id: JobId) => studio.call(getJob, { token, params: { id } });
const onDatabase = (statement: ReturnType<typeof sql>) => studio.deps.db.tx('system', (tx) => statement.execute(tx));
/** As if all leases, or all back-offs, were over. */
const endLeases = () => onDatabase(sql`update job set lease_until = now() - interval '1 s' where state = 'running'`);
const endBackoffs = () => onDatabase(sql`update job set run_after = now() where state = 'retry_wait'`);

describe('claim', () => {
  test('needs the token of the installation', async () => {
    const body = { engineId: engine.engineId, queues: ['default'], loadedModels: [], slots: 1, waitMs: 0 };
    for (const wrong of [undefined, 'wrong', token]) {
      const answer = await studio.send(claimLeases, { body, ...(wrong && { token: wrong }) });
      expect(answer.json()).toMatchObject({ error: { code: 'engine.token_invalid' } });
    }
  });

  test('an engine that nobody knows is told to register', async () => {
    const body = {
      engineId: 'eng_01jd8x7q5w3n4k6m8p9r0s2t4v',
      queues: ['default'],
      loadedModels: [],
      slots: 1,
      waitMs: 0,
    };
    const answer = await studio.app.inject({
      method: 'POST',
      url: claimLeases.path,
      headers: { authorization: `Bearer ${engineToken}` },
      payload: body,
    });
    expect(answer.json()).toMatchObject({ error: { code: 'engine.not_registered' } });
  });

  test('an engine that is never without work stays known', async () => {
    await submit();
    await onDatabase(sql`update engine set last_seen_at = now() - interval '5 minutes'`);
    await engine.finalize(await engine.take());
    const { isEngineConnected } = await studio.call(getGenerateOptions, { token });
    expect(isEngineConnected).toBe(true);
  });

  test('a waiting claim is answered as soon as a job arrives', async () => {
    const waiting = engine.claim({ waitMs: 20_000 });
    await expect(engine.claim()).resolves.toBeNull();
    const started = performance.now();
    const job = await submit();
    expect(await waiting).toMatchObject({ jobId: job.id, attempt: 1 });
    // Well under the fallback poll of one second: the commit itself woke it.
    expect(performance.now() - started).toBeLessThan(900);
  });

  test('a waiting claim ends empty after waitMs', async () => {
    expect(await engine.claim({ waitMs: 30 })).toBeNull();
  });

  test('takes as many jobs as the engine has slots for and no more, and each ends by itself', async () => {
    const jobs = [await submit(), await submit(), await submit()];
    const leases = await engine.claimMany({ slots: 2 });
    expect(leases.map(({ jobId }) => jobId)).toEqual(jobs.slice(0, 2).map(({ id }) => id));
    const [first, second] = leases;
    if (!first || !second) throw new Error('Two jobs were to be had.');
    const [third, ...none] = await engine.claimMany({ slots: 8 });
    expect([third?.jobId, none]).toEqual([jobs[2]?.id, []]);
    expect(await Promise.all([engine.complete(second, ['second']), engine.finalize(first, failure)])).toEqual([
      true,
      true,
    ]);
    expect(await engine.progress(third ?? first)).toBe('continue');
    const seen = await Promise.all(jobs.map(({ id }) => read(id)));
    expect(seen.map(({ status }) => status)).toEqual(['failed', 'succeeded', 'running']);
  });

  test('an engine with many slots gets no more jobs of a team than may run at once', async () => {
    await submit();
    await submit();
    await onDatabase(sql`update team_queue set max_running = 1`);
    const leases = await engine.claimMany({ slots: 4 });
    await onDatabase(sql`update team_queue set max_running = 64`);
    expect(leases).toHaveLength(1);
    for (const lease of leases) await engine.finalize(lease);
  });

  test('two waiting engines never get one job', async () => {
    const [first, second] = [engine.claim({ waitMs: 300 }), engine.claim({ waitMs: 300 })];
    await submit();
    expect([await first, await second].filter((lease) => lease !== null)).toHaveLength(1);
  });
});

describe('progress', () => {
  test('renews the lease and is shown to whoever asks', async () => {
    const job = await submit();
    const lease = await engine.take();
    await onDatabase(sql`update job set lease_until = now() + interval '5 s' where id = ${job.id}`);
    expect(await engine.progress(lease, 4)).toBe('continue');
    const status = await studio.call(getJobStatus, { token, params: { id: job.id } });
    expect(status.progress).toMatchObject({ stage: 'sampling', step: 4, steps: 12 });
    await reapLeases(studio.deps);
    expect((await read(job.id)).attempt).toBe(1);
  });

  test('is stored at most every two seconds', async () => {
    const job = await submit();
    const lease = await engine.take();
    await engine.progress(lease, 1);
    await engine.progress(lease, 2);
    expect((await read(job.id)).progress).toBeNull();
    await onDatabase(sql`update job set lease_until = lease_until - interval '2 s' where id = ${job.id}`);
    await engine.progress(lease, 3);
    expect((await read(job.id)).progress).toMatchObject({ step: 3 });
  });

  test('tells a running engine that the user cancelled', async () => {
    const job = await submit();
    const lease = await engine.take();
    expect(await studio.call(cancelJob, { token, params: { id: job.id } })).toMatchObject({
      status: 'running',
      isCancelRequested: true,
    });
    expect(await engine.progress(lease)).toBe('cancel');
    expect(await engine.finalize(lease, { status: 'cancelled' })).toBe(true);
    expect(await read(job.id)).toMatchObject({ status: 'cancelled', assets: [] });
    expect((await studio.send(cancelJob, { token, params: { id: job.id } })).statusCode).toBe(200);
  });

  test('tells an engine that has lost its lease', async () => {
    await submit();
    const lease = await engine.take();
    await endLeases();
    await reapLeases(studio.deps);
    expect(await engine.progress(lease)).toBe('lost');
    expect(await engine.progress({ ...lease, attempt: 9 })).toBe('lost');
    await endBackoffs();
    await promoteDueRetries(studio.deps);
  });

  test('takes previews of 64 KB and no larger', async () => {
    await submit();
    const lease = await engine.take();
    const preview = (bytes: number) => ({
      contentType: 'image/jpeg' as const,
      base64: Buffer.alloc(bytes).toString('base64'),
    });
    expect(await engine.progress(lease, 1, preview(64 * 1024))).toBe('continue');
    const answer = await studio.send(reportProgress, {
      token: engineToken,
      params: { id: lease.jobId },
      body: {
        attempt: 1,
        progress: { stage: 'sampling', step: 1, steps: 2, nodeId: null, etaMs: null },
        preview: preview(64 * 1024 + 3),
      },
    });
    expect(answer.statusCode).toBe(400);
  });
});

describe('the end of an attempt', () => {
  test('a repeated finalize gets the same answer and stores nothing twice', async () => {
    const job = await submit();
    const lease = await engine.take();
    const outputs = await engine.upload(lease, [pictureBytes('once')]);
    expect(await engine.finalize(lease, { outputs })).toBe(true);
    expect(await engine.finalize(lease, { outputs })).toBe(true);
    expect((await read(job.id)).assets).toHaveLength(1);
  });

  test('a stale finalize is not accepted, and the later attempt keeps its result', async () => {
    const job = await submit();
    const stale = await engine.take();
    const outputs = await engine.upload(stale, [pictureBytes('stale')]);
    await endLeases();
    await reapLeases(studio.deps);
    await endBackoffs();
    await promoteDueRetries(studio.deps);
    const fresh = await engine.take();
    expect(fresh).toMatchObject({ jobId: job.id, attempt: 2 });
    expect(await engine.finalize(stale, { outputs })).toBe(false);
    expect(await engine.complete(fresh, ['fresh'])).toBe(true);
    const done = await read(job.id);
    expect(done.assets.map(({ sha256 }) => sha256)).toEqual([
      createHash('sha256').update(pictureBytes('fresh')).digest('hex'),
    ]);
  });

  test('a retryable failure is tried again after a back-off, at most three times', async () => {
    const job = await submit();
    const error = { code: 'engine.internal', message: 'It fell over.', nodeId: '5', classType: 'KSampler' };
    for (let attempt = 1; attempt <= 3; attempt++) {
      const lease = await engine.take();
      expect(lease.attempt).toBe(attempt);
      expect(await engine.finalize(lease, { status: 'failed', isRetryable: true, error })).toBe(true);
      await promoteDueRetries(studio.deps);
      expect(await engine.claim()).toBeNull();
      if (attempt < 3) expect(await read(job.id)).toMatchObject({ status: 'queued', error: null });
      await endBackoffs();
      await promoteDueRetries(studio.deps);
    }
    expect(await read(job.id)).toMatchObject({ status: 'failed', attempt: 3, error });
  });

  test('a failure that would come again ends the job at once, with the engine’s reason', async () => {
    const job = await submit();
    const error = { code: 'engine.out_of_memory', message: 'Use a smaller size.', nodeId: '5', classType: 'KSampler' };
    await engine.finalize(await engine.take(), { status: 'failed', error });
    expect(await read(job.id)).toMatchObject({ status: 'failed', attempt: 1, error });
    expect((await studio.send(cancelJob, { token, params: { id: job.id } })).json()).toMatchObject({
      error: { code: 'job.finished' },
    });
  });

  test('a job that three engines dropped says so in a sentence', async () => {
    const job = await submit();
    for (let attempt = 1; attempt <= 3; attempt++) {
      await engine.take();
      await endLeases();
      await reapLeases(studio.deps);
      await endBackoffs();
      await promoteDueRetries(studio.deps);
    }
    const { error } = await read(job.id);
    expect(error?.code).toBe('job.attempts_exhausted');
    expect(error?.message).toMatch(/stopped three times/);
  });

  test('an engine that starts again gives up what its dead process was doing, without waiting for the lease', async () => {
    const job = await submit();
    const lease = await engine.take();
    await engine.register();
    expect(await engine.progress(lease)).toBe('lost');
    expect(await read(job.id)).toMatchObject({ status: 'queued', attempt: 1 });
  });

  test('an engine that registers again keeps the jobs that it still holds, and gives up the others', async () => {
    const held = await submit();
    const dropped = await submit();
    const [lease, other] = await engine.claimMany({ slots: 2 });
    if (!lease || !other) throw new Error('Two jobs were to be had.');
    await engine.register([held.id]);
    expect(await engine.progress(other)).toBe('lost');
    expect(await engine.progress(lease)).toBe('continue');
    expect(await engine.complete(lease)).toBe(true);
    expect(await read(held.id)).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect(await read(dropped.id)).toMatchObject({ status: 'queued', attempt: 1 });
  });

  test('each lease of one engine runs out by itself', async () => {
    const jobs = [await submit(), await submit()];
    const [silent, alive] = await engine.claimMany({ slots: 2 });
    if (!silent || !alive) throw new Error('Two jobs were to be had.');
    await onDatabase(sql`update job set lease_until = now() - interval '1 s' where id = ${silent.jobId}`);
    await reapLeases(studio.deps);
    expect(await engine.progress(silent)).toBe('lost');
    expect(await engine.progress(alive)).toBe('continue');
    const seen = await Promise.all(jobs.map(({ id }) => read(id)));
    expect(seen.map(({ status }) => status)).toEqual(['queued', 'running']);
  });

  test('a job ends well although some nodes did not, and shows what nodes say', async () => {
    const job = await submit();
    const lease = await engine.take();
    const texts = { '9': ['1.5', 'a red apple'] };
    const outputs = await engine.upload(lease, [pictureBytes('one')]);
    expect(await engine.finalize(lease, { outputs, nodeErrors, texts })).toBe(true);
    expect(await read(job.id)).toMatchObject({ status: 'succeeded', error: null, nodeErrors, texts, assets: [{}] });
  });

  test('a failed job says which nodes failed', async () => {
    const job = await submit();
    expect(await engine.finalize(await engine.take(), { ...failure, nodeErrors })).toBe(true);
    expect(await read(job.id)).toMatchObject({ status: 'failed', error: failure.error, nodeErrors });
  });

  test('an attempt that is followed by another leaves no errors of nodes and no pictures', async () => {
    const job = await submit();
    const lease = await engine.take();
    const outputs = await engine.upload(lease, [pictureBytes('one')]);
    expect(await engine.finalize(lease, { ...failure, outputs, nodeErrors, isRetryable: true })).toBe(true);
    expect(await read(job.id)).toMatchObject({ status: 'queued', nodeErrors: {}, assets: [] });
  });

  test('an attempt past its deadline ends the job, and its engine is told it lost', async () => {
    const job = await submit();
    const lease = await engine.take();
    await onDatabase(sql`update job set deadline_at = now() - interval '1 s' where id = ${job.id}`);
    await reapLeases(studio.deps);
    expect(await read(job.id)).toMatchObject({ status: 'failed', error: { code: 'job.deadline_exceeded' } });
    expect(await engine.progress(lease)).toBe('lost');
  });

  test('a waiting job is cancelled at once', async () => {
    const job = await submit();
    expect(await studio.call(cancelJob, { token, params: { id: job.id } })).toMatchObject({
      status: 'cancelled',
      position: null,
    });
    expect(await engine.claim()).toBeNull();
  });
});

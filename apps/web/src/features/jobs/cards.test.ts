import { type Job, jobSchema } from '@studio/contracts';
import { expect, test } from 'vitest';
import { addCard, applyJob, applyProgress, bindJob, dropAsset, type JobCard } from './cards.ts';

const jobId = 'job_01jd8x7q5w3n4k6m8p9r0s2t4v';
const now = '2026-01-01T00:00:00Z';
const params = {
  prompt: 'a cat',
  negativePrompt: '',
  model: 'starter.safetensors',
  width: 128,
  height: 128,
  steps: 20,
  cfg: 5,
  sampler: 'euler',
  scheduler: 'normal',
  seed: 7,
  count: 1,
};

const jobOf = (fields: Partial<Job> = {}): Job => ({
  ...jobSchema.parse({
    id: jobId,
    status: 'queued',
    position: 1,
    progress: null,
    error: null,
    isCancelRequested: false,
    attempt: 0,
    createdAt: now,
    startedAt: null,
    finishedAt: null,
    kind: 'txt2img',
    params,
    assets: [],
    texts: {},
    nodeErrors: {},
  }),
  ...fields,
});

const assetOf = (job: Job): Job['assets'][number] => ({
  id: 'ast_01jd8x7q5w3n4k6m8p9r0s2t4v',
  jobId: job.id,
  index: 0,
  width: 128,
  height: 128,
  contentType: 'image/png',
  sizeBytes: 1,
  sha256: '',
  url: '',
  downloadUrl: '',
  params,
  createdAt: now,
  deletedAt: null,
});

const wish: JobCard = {
  key: 'key',
  request: params,
  size: params,
  count: 1,
  job: null,
  waitsFor: null,
  isCancelAsked: false,
};

const sampling = (step: number) => ({ stage: 'sampling' as const, step, steps: 20, nodeId: '5', etaMs: 900 });

test('the answer binds the job to the card that asked for it', () => {
  const [card] = bindJob([wish], 'key', jobOf());
  expect(card).toMatchObject({ key: 'key', job: { id: jobId } });
});

test('an event that overtakes the answer leaves one card, in its newest state', () => {
  const early = applyJob([wish], jobOf({ status: 'running', attempt: 1 }));
  expect(early).toHaveLength(2);
  const bound = bindJob(early, 'key', jobOf());
  expect(bound.map(({ key, job }) => [key, job?.status])).toEqual([['key', 'running']]);
});

test('progress of an older attempt and of an ended job changes nothing', () => {
  const running = bindJob([wish], 'key', jobOf({ status: 'running', attempt: 2 }));
  expect(applyProgress(running, { jobId, attempt: 1, progress: sampling(3) })).toEqual(running);
  const ended = bindJob([wish], 'key', jobOf({ status: 'failed', attempt: 2, finishedAt: now }));
  expect(applyProgress(ended, { jobId, attempt: 2, progress: sampling(3) })).toEqual(ended);
});

test('an ended job does not come back to life', () => {
  const ended = bindJob([wish], 'key', jobOf({ status: 'succeeded', attempt: 1, finishedAt: now }));
  expect(applyJob(ended, jobOf({ status: 'running', attempt: 1 }))[0]?.job?.status).toBe('succeeded');
});

test('a job that ended elsewhere opens no card', () => {
  expect(applyJob([], jobOf({ status: 'succeeded', finishedAt: now }))).toEqual([]);
});

test('a new wish sends finished pictures on and keeps failures', () => {
  const done = { ...wish, key: 'done', job: jobOf({ status: 'succeeded', finishedAt: now }) };
  const failed = { ...wish, key: 'failed', job: jobOf({ status: 'failed', finishedAt: now }) };
  expect(addCard([done, failed], wish).map(({ key }) => key)).toEqual(['key', 'failed']);
});

test('deleting the last picture of a finished card takes the card away', () => {
  const job = jobOf({ status: 'succeeded', finishedAt: now });
  const asset = assetOf(job);
  const cards = [{ ...wish, job: { ...job, assets: [asset] } }];
  expect(dropAsset(cards, asset.id)).toEqual([]);
  expect(dropAsset(cards, 'ast_other')).toEqual(cards);
});

import { type Job, type JobProgress, jobSchema } from '@studio/contracts';
import { expect, test } from 'vitest';
import type { JobCard } from './cards.ts';
import { describeCard } from './describe.ts';

const job = jobSchema.parse({
  id: 'job_01jd8x7q5w3n4k6m8p9r0s2t4v',
  status: 'queued',
  position: 3,
  progress: null,
  error: null,
  isCancelRequested: false,
  attempt: 0,
  createdAt: '2026-01-01T00:00:00Z',
  startedAt: null,
  finishedAt: null,
  kind: 'txt2img',
  params: null,
  assets: [],
  texts: {},
  nodeErrors: {},
});

const cardOf = (fields: Partial<Job> | null, card: Partial<JobCard> = {}): JobCard => ({
  key: 'key',
  request: null,
  size: { width: 1, height: 1 },
  count: 1,
  job: fields && { ...job, ...fields },
  waitsFor: null,
  isCancelAsked: false,
  ...card,
});

const running = (progress: JobProgress) => cardOf({ status: 'running', position: null, progress });

const say = (card: JobCard): string => {
  const { label, detail } = describeCard(card);
  return `${label} ${detail}`.trim();
};

test('a card says what it waits for', () => {
  expect(say(cardOf(null))).toBe('Queued');
  expect(say(cardOf({}))).toBe('Queued #3 in line');
  expect(say(cardOf({ position: 1 }))).toBe('Queued next in line');
  expect(say(cardOf(null, { waitsFor: 'engine' }))).toBe('Waiting for the engine');
  expect(say(cardOf(null, { waitsFor: 'connection' }))).toBe('Waiting for the connection');
});

test('a running card counts its steps and the time that is left', () => {
  const sampling: JobProgress = { stage: 'sampling', step: 5, steps: 20, nodeId: '5', etaMs: 83_000 };
  expect(say(running(sampling))).toBe('Drawing 5 of 20 · 1 min 23 s left');
  expect(describeCard(running(sampling)).fraction).toBe(0.25);
  expect(say(running({ ...sampling, etaMs: null }))).toBe('Drawing 5 of 20');
  expect(say(running({ stage: 'loading', step: 0, steps: 0, nodeId: '1', etaMs: null }))).toBe('Loading model');
});

test('a cancel that is under way is said before anything else', () => {
  expect(say(cardOf({ status: 'running' }, { isCancelAsked: true }))).toBe('Cancelling');
  expect(say(cardOf({ status: 'cancelled' }, { isCancelAsked: true }))).toBe('Cancelled');
});

test('a finished card says how long it took', () => {
  const times = { startedAt: '2026-01-01T00:00:00Z', finishedAt: '2026-01-01T00:00:04Z' };
  expect(say(cardOf({ status: 'succeeded', position: null, ...times }))).toBe('Done in 4 s');
});

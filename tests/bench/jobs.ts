import { openEvents, routes } from '@studio/client';
import type { Job, JobId } from '@studio/contracts';
import type { BenchContext } from './context.ts';

export interface TimedJobs {
  /** Milliseconds from just before the request until the event that ends the job has arrived. */
  readonly run: (request: JobRequest) => Promise<number>;
  readonly submit: (request: JobRequest) => Promise<Job>;
  readonly ended: (id: JobId) => Promise<Job>;
  readonly close: () => void;
}

export interface JobRequest {
  readonly prompt: string;
  readonly side: number;
  readonly steps: number;
  readonly seed: number;
}

const isOver = ({ status }: Job): boolean => status === 'succeeded' || status === 'failed' || status === 'cancelled';

/** Submits jobs and learns of their end by the event stream, as the page does. */
export const openTimedJobs = async ({ url, account }: BenchContext): Promise<TimedJobs> => {
  const over = new Map<JobId, Job>();
  const waiting = new Map<JobId, (job: Job) => void>();
  const ready = Promise.withResolvers<void>();
  const stream = openEvents({
    url: `${url.replace(/^http/, 'ws')}/ws`,
    getAccessToken: () => account.session.accessToken,
    onUnauthorized: () => Promise.resolve(false),
    onReady: () => ready.resolve(),
    onEvent: (event) => {
      if (event.type !== 'job.updated' || !isOver(event.data)) return;
      over.set(event.data.id, event.data);
      waiting.get(event.data.id)?.(event.data);
    },
  });
  await ready.promise;

  const submit = ({ prompt, side, steps, seed }: JobRequest): Promise<Job> =>
    account.client.call(routes.generateTxt2img, {
      body: { prompt, width: side, height: side, steps, seed, cfg: 5, sampler: 'euler', scheduler: 'normal' },
    });
  const ended = (id: JobId): Promise<Job> => {
    const job = over.get(id);
    return job ? Promise.resolve(job) : new Promise((resolve) => waiting.set(id, resolve));
  };
  const run = async (request: JobRequest): Promise<number> => {
    const startedMs = performance.now();
    const job = await ended((await submit(request)).id);
    if (job.status !== 'succeeded') throw new Error(`The job ended as ${job.status}: ${job.error?.message ?? ''}`);
    return performance.now() - startedMs;
  };
  return { run, submit, ended, close: stream.close };
};

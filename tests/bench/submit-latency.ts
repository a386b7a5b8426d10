import { type Client, routes } from '@studio/client';
import type { BenchContext } from './context.ts';
import { openTimedJobs } from './jobs.ts';
import type { Section } from './report.ts';
import { formatMs, quantile } from './statistics.ts';

const ratePerSecond = 50;
const seconds = 10;

/** Open loop: requests leave on the clock whether or not earlier ones have come back, as real users do. */
const measureOpenLoop = async (send: (index: number) => Promise<unknown>): Promise<number[]> => {
  const latencies: number[] = [];
  const inFlight: Promise<void>[] = [];
  const startMs = performance.now();
  for (let index = 0; index < ratePerSecond * seconds; index += 1) {
    const dueMs = startMs + (index * 1000) / ratePerSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    // Counted from when it was due: a late start is latency too.
    inFlight.push(send(index).then(() => void latencies.push(performance.now() - dueMs)));
  }
  await Promise.all(inFlight);
  return latencies;
};

/** What is left would compete with the benchmarks that follow. */
const cancelAll = async (client: Client): Promise<void> => {
  for (;;) {
    const { items } = await client.call(routes.listJobs, { query: { status: 'active', limit: 100 } });
    if (items.length === 0) return;
    await Promise.allSettled(items.map(({ id }) => client.call(routes.cancelJob, { params: { id } })));
  }
};

/** Submit latency at a steady rate while the engine computes, against reading one row at the same rate. */
export const measureSubmitLatency = async (context: BenchContext): Promise<Section> => {
  const { client } = context.account;
  const jobs = await openTimedJobs(context);
  const long = await jobs.submit({ prompt: 'a castle', side: 256, steps: 150, seed: 1 });
  const baseline = await measureOpenLoop(() => client.call(routes.getMe));
  const submitted: string[] = [];
  const latencies = await measureOpenLoop(async (index) => {
    const job = await jobs.submit({ prompt: `picture ${index}`, side: 64, steps: 1, seed: index });
    submitted.push(job.id);
  });
  const stillBusy = (await client.call(routes.getJobStatus, { params: { id: long.id } })).status === 'running';
  await cancelAll(client);
  jobs.close();
  const ratio = (q: number) => `${(quantile(latencies, q) / quantile(baseline, q)).toFixed(1)}× GET /users/me`;
  const note = `${ratePerSecond} per second for ${seconds} s, open loop, ${stillBusy ? 'engine busy throughout' : 'engine busy, then draining'}`;
  return {
    title: 'Submit',
    figures: [
      { name: 'submit p50', value: formatMs(quantile(latencies, 0.5)), ratio: ratio(0.5), note },
      { name: 'submit p99', value: formatMs(quantile(latencies, 0.99)), ratio: ratio(0.99), note },
      {
        name: 'lost',
        value: String(ratePerSecond * seconds - submitted.length),
        ratio: '',
        note: 'submits without an answer',
      },
    ],
  };
};

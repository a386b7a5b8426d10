import { openBareEngine } from './bare-engine.ts';
import type { BenchContext } from './context.ts';
import { openTimedJobs } from './jobs.ts';
import type { Section } from './report.ts';
import { formatMs, median } from './statistics.ts';

const rounds = 9;
const picture = { side: 256, steps: 20 };

/** The same picture through the platform and by the bare loop, in turns: the difference is what the platform costs. */
export const measurePlatformTax = async (context: BenchContext): Promise<Section> => {
  const jobs = await openTimedJobs(context);
  const bare = openBareEngine('tuned');
  const pairs: { readonly job: number; readonly bare: number }[] = [];
  const request = (seed: number) => ({ prompt: 'a castle', ...picture, seed });
  await jobs.run(request(0));
  await bare.draw({ ...picture, seed: 0 });
  for (let round = 1; round <= rounds; round += 1) {
    const { drawMs } = await bare.draw({ ...picture, seed: round });
    pairs.push({ job: await jobs.run(request(round)), bare: drawMs });
  }
  jobs.close();
  bare.close();
  const tax = median(pairs.map((pair) => pair.job - pair.bare));
  const bareMs = median(pairs.map((pair) => pair.bare));
  return {
    title: 'Platform tax',
    figures: [
      {
        name: `${picture.steps} steps at ${picture.side}², through the platform`,
        value: formatMs(median(pairs.map(({ job }) => job))),
        ratio: '',
        note: 'from before the request until the event with the picture, starter model',
      },
      { name: 'the same, bare', value: formatMs(bareMs), ratio: '', note: 'sampling and decoding only' },
      {
        name: 'tax',
        value: formatMs(tax),
        ratio: `${((tax / bareMs) * 100).toFixed(1)} % of bare`,
        note: `median of ${rounds} pairs: validation, queue, claim, previews, PNG, upload, finalize, event`,
      },
    ],
  };
};

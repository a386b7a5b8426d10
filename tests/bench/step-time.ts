import { type BareEngine, openBareEngine } from './bare-engine.ts';
import type { Figure, Section } from './report.ts';
import { formatMs, median, medianRatio } from './statistics.ts';

const rounds = 5;
const sides = [128, 256, 512];

const measureSide = async (tuned: BareEngine, plain: BareEngine, side: number): Promise<Figure> => {
  const request = { side, steps: 8, seed: side };
  await tuned.draw(request);
  await plain.draw(request);
  const pairs: [number, number][] = [];
  for (let round = 0; round < rounds; round += 1) {
    pairs.push([(await tuned.draw(request)).stepMs, (await plain.draw(request)).stepMs]);
  }
  return {
    name: `step at ${side}²`,
    value: formatMs(median(pairs.map(([ours]) => ours))),
    ratio: `${(1 / medianRatio(pairs)).toFixed(2)}× as fast as plain`,
    note: 'starter model with CFG; plain = same modules, fp32, contiguous, stock allocator',
  };
};

/** Time of one sampling step as the engine computes, against a stock set-up of the same modules. */
export const measureStepTime = async (): Promise<Section> => {
  const tuned = openBareEngine('tuned');
  const plain = openBareEngine('plain');
  const figures: Figure[] = [];
  for (const side of sides) figures.push(await measureSide(tuned, plain, side));
  tuned.close();
  plain.close();
  return { title: 'Step', figures };
};

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type LineProcess, openLineProcess } from './line-process.ts';
import type { Figure, Section } from './report.ts';
import { formatMs, median, medianRatio } from './statistics.ts';

const steps = 20;
/** A plain run at 512² takes minutes on two cores; each size starts with a short warm-up. */
const cases = [
  { side: 256, rounds: 2 },
  { side: 512, rounds: 1 },
];

const answerSchema = z.object({ drawMs: z.number(), cpuMs: z.number() });
type Drawing = LineProcess<z.infer<typeof answerSchema>>;

const measureSide = async (
  ours: Drawing,
  plain: Drawing,
  { side, rounds }: (typeof cases)[number],
): Promise<Figure> => {
  for (const process of [ours, plain]) await process.ask({ side, steps: 1, seed: 1 });
  const wall: [number, number][] = [];
  const cpu: [number, number][] = [];
  for (let seed = 0; seed < rounds; seed += 1) {
    const [us, them] = [await ours.ask({ side, steps, seed }), await plain.ask({ side, steps, seed })];
    wall.push([us.drawMs, them.drawMs]);
    cpu.push([us.cpuMs, them.cpuMs]);
  }
  return {
    name: `${steps} steps at ${side}²`,
    value: formatMs(median(wall.map(([us]) => us))),
    ratio: `${(1 / medianRatio(wall)).toFixed(2)}× as fast as plain diffusers (by CPU time ${(1 / medianRatio(cpu)).toFixed(2)}×)`,
    note: `random weights of Stable Diffusion 1.5's size; prompt, CFG, decode; ${rounds} pairs in turns`,
  };
};

/** Whole pictures with a network of Stable Diffusion 1.5's size, against diffusers' own loop on the same weights. */
export const measureWholeRuns = async (): Promise<Section> => {
  const folder = mkdtempSync(join(tmpdir(), 'studio-bench-'));
  const script = (...args: string[]) => openLineProcess('bench/whole.py', ['--models', folder, ...args], answerSchema);
  const ours = script();
  // The first answer says that the checkpoint is written, which both read.
  await ours.ask({ side: 64, steps: 1, seed: 1 });
  const plain = script('--plain');
  const figures: Figure[] = [];
  for (const each of cases) figures.push(await measureSide(ours, plain, each));
  ours.close();
  plain.close();
  rmSync(folder, { recursive: true });
  return { title: 'Whole pictures', figures };
};

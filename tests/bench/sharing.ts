import { z } from 'zod';
import { runEngineScript } from './engine-script.ts';
import type { Figure, Section } from './report.ts';
import { formatMs } from './statistics.ts';

const caseSchema = z.object({
  name: z.string(),
  jobMs: z.number(),
  ratio: z.number(),
  min: z.number(),
  max: z.number(),
  cpuRatio: z.number(),
});
const lineSchema = z.union([caseSchema, z.object({ name: z.string(), overheadUs: z.number() })]);

const describe = (line: z.infer<typeof lineSchema>): Figure =>
  'overheadUs' in line
    ? { name: line.name, value: `${line.overheadUs} µs`, ratio: '', note: "the batcher's share when nobody else draws" }
    : {
        name: `eight jobs at once, ${line.name}`,
        value: `${formatMs(line.jobMs)} a job`,
        ratio: `${line.ratio.toFixed(2)}× as fast as in a row (${line.min.toFixed(2)}–${line.max.toFixed(2)})`,
        note: `${line.cpuRatio.toFixed(2)}× in CPU time; sampling with CFG, one picture each`,
      };

/** What jobs of different people gain by sharing forwards. */
export const measureSharing = async (): Promise<Section> => ({
  title: 'Jobs at once',
  figures: (await runEngineScript(lineSchema, 'batch', '--shaped')).map(describe),
});

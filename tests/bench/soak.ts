import { z } from 'zod';
import { runEngineScript } from './engine-script.ts';
import type { Section } from './report.ts';

const answerSchema = z.object({
  jobs: z.number(),
  slopeBytesPerJob: z.number(),
  startMb: z.number(),
  endMb: z.number(),
});

/** Whether the engine's memory stays where it is over many jobs. */
export const measureSoak = async (): Promise<Section> => ({
  title: 'Memory over many jobs',
  figures: (await runEngineScript(answerSchema, 'soak')).map(({ jobs, slopeBytesPerJob, startMb, endMb }) => ({
    name: `resident memory after ${jobs} jobs`,
    value: `${endMb} MB`,
    ratio: `${slopeBytesPerJob} bytes a job`,
    note: `slope over the second half; ${startMb} MB after the first job`,
  })),
});

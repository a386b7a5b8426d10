import { z } from 'zod';
import { openLineProcess } from './line-process.ts';

const answerSchema = z.object({ drawMs: z.number(), stepMs: z.number(), plan: z.string() });
export type BareTimes = z.infer<typeof answerSchema>;

export interface BareRequest {
  readonly side: number;
  readonly steps: number;
  readonly seed: number;
}

export interface BareEngine {
  readonly draw: (request: BareRequest) => Promise<BareTimes>;
  readonly close: () => void;
}

/** A process that samples and decodes on request and does nothing else. `plain`: as a stock installation computes. */
export const openBareEngine = (kind: 'tuned' | 'plain'): BareEngine => {
  const { ask, close } = openLineProcess('bench/draw.py', kind === 'plain' ? ['--plain'] : [], answerSchema);
  return { draw: ask, close };
};

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { enginePython, repositoryDir } from '../harness/process.ts';

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
  const child = spawn(enginePython, ['bench/draw.py', ...(kind === 'plain' ? ['--plain'] : [])], {
    cwd: join(repositoryDir, 'engine'),
    env: { ...process.env, PYTHONPATH: join(repositoryDir, 'engine') },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    draw: async (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const answer = await answers.next();
      if (answer.done) throw new Error('The bare engine ended; its message is above.');
      return answerSchema.parse(JSON.parse(answer.value));
    },
    close: () => child.kill(),
  };
};

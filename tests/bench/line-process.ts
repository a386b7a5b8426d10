import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { z } from 'zod';
import { enginePython, repositoryDir } from '../harness/process.ts';

/** A process that answers each request, a line of JSON, with a line of JSON. */
export interface LineProcess<Answer> {
  readonly ask: (request: object) => Promise<Answer>;
  readonly close: () => void;
}

/** Runs one of the engine's benchmark scripts. */
export const openLineProcess = <Answer>(
  script: string,
  args: readonly string[],
  schema: z.ZodType<Answer>,
): LineProcess<Answer> => {
  const child = spawn(enginePython, [script, ...args], {
    cwd: join(repositoryDir, 'engine'),
    env: { ...process.env, PYTHONPATH: join(repositoryDir, 'engine') },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const answer = await answers.next();
      if (answer.done) throw new Error(`${script} ended; its message is above.`);
      return schema.parse(JSON.parse(answer.value));
    },
    close: () => child.kill(),
  };
};

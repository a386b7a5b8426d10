import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { z } from 'zod';
import { enginePython, repositoryDir } from '../harness/process.ts';

const run = promisify(execFile);

/** The lines that a benchmark of the engine prints, one JSON object each. */
export const runEngineScript = async <T>(
  schema: z.ZodType<T>,
  script: string,
  ...args: readonly string[]
): Promise<T[]> => {
  const { stdout } = await run(enginePython, [`bench/${script}.py`, ...args], {
    cwd: join(repositoryDir, 'engine'),
    env: { ...process.env, PYTHONPATH: join(repositoryDir, 'engine') },
  });
  return stdout
    .trim()
    .split('\n')
    .map((line) => schema.parse(JSON.parse(line)));
};

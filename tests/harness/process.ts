import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryDir = fileURLToPath(new URL('../../', import.meta.url));

/** The interpreter with the engine's packages; the launcher names it for its children. */
export const enginePython = process.env.STUDIO_PYTHON ?? join(repositoryDir, '.studio/python/bin/python');

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

export interface RunningProgram {
  readonly pid: number;
  readonly exited: Promise<void>;
  /** SIGTERM, then waits. */
  readonly stop: () => Promise<void>;
  /** SIGKILL, then waits: the process gets no chance to tidy up. */
  readonly kill: () => Promise<void>;
}

const endWith = (child: ChildProcess, exited: Promise<void>, signal: NodeJS.Signals) => async () => {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  await exited;
};

/** Starts a process of the studio with its output in a file. */
export const startProgram = ({ command, args, cwd, env, logFile }: Program): RunningProgram => {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = createWriteStream(logFile, { flags: 'a' });
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
  return {
    pid: child.pid ?? 0,
    exited,
    stop: endWith(child, exited, 'SIGTERM'),
    kill: endWith(child, exited, 'SIGKILL'),
  };
};

/** A port that was free a moment ago. */
export const findFreePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address && typeof address === 'object') resolve(address.port);
        else reject(new Error('No port was given.'));
      });
    });
  });

/** Asks until `probe` gives a value; the only waiting in these tests, always for something that can be observed. */
export const waitFor = async <T>(what: string, timeoutMs: number, probe: () => Promise<T | null>): Promise<T> => {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== null) return value;
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};

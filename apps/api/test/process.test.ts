import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { engineToken } from './studio.ts';

const main = join(import.meta.dirname, '../src/main.ts');

let database: TestDatabase;
let dataDir: string;
beforeAll(async () => {
  database = await createTestDatabase('empty');
  dataDir = await mkdtemp(join(tmpdir(), 'studio-process-'));
});
afterAll(async () => {
  await database.drop();
  await rm(dataDir, { recursive: true });
});

const start = (env: Record<string, string> = {}): ChildProcess =>
  spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH,
      STUDIO_DATABASE_URL: database.url,
      STUDIO_DATA_DIR: dataDir,
      STUDIO_SECRET: 'ab'.repeat(32),
      STUDIO_ENGINE_TOKEN: engineToken,
      STUDIO_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

const exitCode = async (child: ChildProcess): Promise<unknown> => (await once(child, 'close'))[0];

const readErrors = async (child: ChildProcess): Promise<string> => {
  let text = '';
  child.stderr?.on('data', (chunk) => {
    text += chunk;
  });
  expect(await exitCode(child)).toBe(1);
  return text;
};

const lineSchema = z.looseObject({ msg: z.string() });

/** The address that a starting process announces. */
const addressOf = async (child: ChildProcess): Promise<string> => {
  if (!child.stdout) throw new Error('The process has no output.');
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /listening at (\S+)/.exec(lineSchema.parse(JSON.parse(line)).msg)?.[1];
    if (address) return address;
  }
  throw new Error('The process ended before it listened.');
};

test('it migrates an empty database, answers, and SIGTERM ends it within eight seconds with a connection open', async () => {
  const child = start();
  const address = await addressOf(child);
  // fetch keeps its connection open after the answer.
  expect(await (await fetch(`${address}/api/ready`)).json()).toEqual({ status: 'ok', checks: { database: true } });
  const startedAt = performance.now();
  child.kill('SIGTERM');
  expect(await exitCode(child)).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(8_000);
});

test('a wrong configuration ends the start with one sentence per variable and no stack', async () => {
  const text = await readErrors(start({ STUDIO_PORT: 'x', STUDIO_SECRET: '' }));
  expect(text.trim().split('\n')).toEqual([
    'The configuration is wrong; correct these variables:',
    '  STUDIO_PORT: Write a whole number.',
    expect.stringContaining('  STUDIO_SECRET: Set it to at least 64 hex digits'),
  ]);
});

test('a database that is away and a port that is taken end the start with a sentence', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? String(address.port) : '';
  const [away, taken] = await Promise.all([
    readErrors(start({ STUDIO_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })),
    readErrors(start({ STUDIO_PORT: port })),
  ]);
  server.close();
  expect(away).toMatch(/^The database does not answer; .*\nCause: .*ECONNREFUSED/);
  expect(taken).toMatch(
    /^The studio cannot listen on 127\.0\.0\.1:\d+; set STUDIO_PORT to a free port\.\nCause: .*EADDRINUSE/,
  );
});

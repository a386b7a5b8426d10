import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { withClient } from './postgres.ts';
import { enginePython, findFreePort, type RunningProgram, repositoryDir, startProgram, waitFor } from './process.ts';

const startTimeoutMs = 60_000;

/** The api process on a database of its own, and as many engine processes as a test starts. */
export interface System {
  readonly url: string;
  /** Starts an engine under a name; the same name again is the same slot after a crash. */
  readonly startEngine: (name: string) => RunningProgram;
  /** Rows of a statement that sees every team. */
  readonly query: <T extends pg.QueryResultRow>(statement: string) => Promise<T[]>;
  readonly stop: () => Promise<void>;
}

const requireServerUrl = (): string => {
  const url = process.env.STUDIO_TEST_DATABASE_URL;
  if (url) return url;
  throw new Error('Set STUDIO_TEST_DATABASE_URL to a PostgreSQL server; `npm test` does so.');
};

const createDatabase = async (): Promise<{ readonly url: string; readonly drop: () => Promise<unknown> }> => {
  const serverUrl = requireServerUrl();
  const name = `studio_system_${randomBytes(6).toString('hex')}`;
  await withClient(serverUrl, (client) => client.query(`create database ${name}`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => withClient(serverUrl, (client) => client.query(`drop database if exists ${name} with (force)`)),
  };
};

/** Starts the api; engines are started by the test. `env` adds to the settings of the api. */
export const startSystem = async (env: Readonly<Record<string, string>> = {}): Promise<System> => {
  const database = await createDatabase();
  const home = mkdtempSync(join(tmpdir(), 'studio-system-'));
  const url = `http://127.0.0.1:${await findFreePort()}`;
  const token = randomBytes(24).toString('hex');
  const api = startProgram({
    command: process.execPath,
    args: ['src/main.ts'],
    cwd: join(repositoryDir, 'apps/api'),
    env: {
      STUDIO_HOST: '127.0.0.1',
      STUDIO_PORT: new URL(url).port,
      STUDIO_DATABASE_URL: database.url,
      STUDIO_DATA_DIR: join(home, 'data'),
      STUDIO_SECRET: randomBytes(32).toString('hex'),
      STUDIO_ENGINE_TOKEN: token,
      STUDIO_LOG_LEVEL: 'warn',
      ...env,
    },
    logFile: join(home, 'api.log'),
  });
  await waitFor('the api', startTimeoutMs, async () => (await isReady(url)) || null);

  const engines: RunningProgram[] = [];
  const startEngine = (name: string): RunningProgram => {
    const engine = startProgram({
      command: enginePython,
      args: ['-m', 'studio_engine'],
      cwd: join(repositoryDir, 'engine'),
      env: {
        STUDIO_API_URL: url,
        STUDIO_ENGINE_TOKEN: token,
        STUDIO_ENGINE_NAME: name,
        STUDIO_ENGINE_SPOOL_DIR: join(home, name),
        STUDIO_MODELS_DIR: join(home, 'models'),
      },
      logFile: join(home, `${name}.log`),
    });
    engines.push(engine);
    return engine;
  };
  return {
    url,
    startEngine,
    query: <T extends pg.QueryResultRow>(statement: string) =>
      withClient(database.url, async (client) => {
        await client.query(`set studio.scope = 'system'`);
        return (await client.query<T>(statement)).rows;
      }),
    stop: async () => {
      await Promise.all(engines.map((engine) => engine.kill()));
      await api.stop();
      await database.drop();
      rmSync(home, { recursive: true, force: true });
    },
  };
};

const isReady = async (url: string): Promise<boolean> => {
  const response = await fetch(`${url}/api/ready`).catch(() => null);
  return response?.ok === true;
};

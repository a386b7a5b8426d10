import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

const serverUrl = (): string => {
  const url = process.env.STUDIO_TEST_DATABASE_URL;
  if (url) return url;
  throw new Error(
    'Set STUDIO_TEST_DATABASE_URL to a PostgreSQL server on which the role may create databases and is no superuser; `npm test` at the root does so.',
  );
};

/** The address of another database on the test server. */
export const databaseUrl = (name: string): string => {
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  return url.href;
};

/** Runs statements that belong to no database of ours, such as CREATE DATABASE. */
export const onServer = async <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: serverUrl() });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** A database of one's own: migrated (a copy of the template), or empty. */
export const createTestDatabase = async (kind: 'migrated' | 'empty' = 'migrated'): Promise<TestDatabase> => {
  const name = `studio_test_${randomBytes(6).toString('hex')}`;
  const source = kind === 'migrated' ? `template ${inject('templateDatabase')}` : '';
  await onServer((client) => client.query(`create database ${name} ${source}`));
  return {
    url: databaseUrl(name),
    drop: () => onServer(async (client) => void (await client.query(`drop database if exists ${name} with (force)`))),
  };
};

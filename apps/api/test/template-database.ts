import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { compose } from '../src/compose.ts';
import { migrate, migrationsFolder } from '../src/platform/migrate.ts';
import { databaseUrl, onServer } from './database.ts';
import { testConfig } from './settings.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A migrated database that nobody is connected to; tests copy it. */
    templateDatabase: string;
  }
}

const name = `studio_template_${randomBytes(4).toString('hex')}`;

/** Two RSA keys cost half a second of CPU; made here once, every copy has them. */
const createSigningKeys = async (): Promise<void> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'studio-template-'));
  const deps = await compose(testConfig({ databaseUrl: databaseUrl(name), dataDir }));
  await deps.db.close();
  await rm(dataDir, { recursive: true });
};

export const setup = async (project: TestProject): Promise<void> => {
  await onServer((client) => client.query(`create database ${name}`));
  await migrate(databaseUrl(name), migrationsFolder);
  await createSigningKeys();
  project.provide('templateDatabase', name);
};

export const teardown = async (): Promise<void> => {
  await onServer((client) => client.query(`drop database if exists ${name} with (force)`));
};

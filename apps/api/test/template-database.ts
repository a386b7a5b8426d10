import { randomBytes } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { migrate, migrationsFolder } from '../src/platform/migrate.ts';
import { databaseUrl, onServer } from './database.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A migrated database that nobody is connected to; tests copy it. */
    templateDatabase: string;
  }
}

const name = `studio_template_${randomBytes(4).toString('hex')}`;

export const setup = async (project: TestProject): Promise<void> => {
  await onServer((client) => client.query(`create database ${name}`));
  await migrate(databaseUrl(name), migrationsFolder);
  project.provide('templateDatabase', name);
};

export const teardown = async (): Promise<void> => {
  await onServer((client) => client.query(`drop database if exists ${name} with (force)`));
};

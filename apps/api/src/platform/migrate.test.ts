import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/database.ts';
import { migrate, migrationsFolder, planMigrations, readMigrations } from './migrate.ts';

let database: TestDatabase;
let folder: string;
beforeEach(async () => {
  database = await createTestDatabase('empty');
  folder = await mkdtemp(join(tmpdir(), 'studio-migrations-'));
});
afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

const write = (name: string, text: string) => writeFile(join(folder, name), text);
const run = () => migrate(database.url, folder);

const query = async (text: string): Promise<unknown[]> => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
};

test('the real migrations apply to an empty database, and a second start applies nothing', async () => {
  const names = (await readMigrations(migrationsFolder)).map((migration) => migration.name);
  expect(await migrate(database.url, migrationsFolder)).toEqual(names);
  expect(await migrate(database.url, migrationsFolder)).toEqual([]);
});

test('five starts at once apply each migration once', async () => {
  await write('0001_a.sql', 'create table a (n int); insert into a values (1)');
  await write('0002_b.sql', 'insert into a values (2)');
  const applied = await Promise.all([run(), run(), run(), run(), run()]);
  expect(applied.flat()).toEqual(['0001_a.sql', '0002_b.sql']);
  expect(await query('select n from a order by n')).toEqual([{ n: 1 }, { n: 2 }]);
});

test('a migration that was edited after it ran stops the start', async () => {
  await write('0001_a.sql', 'create table a (n int)');
  await run();
  await write('0001_a.sql', 'create table a (n bigint)');
  await expect(run()).rejects.toThrow('The migration 0001_a.sql was edited after it had run');
});

test('a database of a newer version stops the start', async () => {
  await write('0001_a.sql', 'select 1');
  await write('0002_b.sql', 'select 1');
  await run();
  await rm(join(folder, '0002_b.sql'));
  await expect(run()).rejects.toThrow('has the migration 0002_b.sql, which this version does not know');
});

test('a migration that comes before one that has run stops the start', async () => {
  await write('0002_b.sql', 'select 1');
  await run();
  await write('0001_a.sql', 'select 1');
  await expect(run()).rejects.toThrow('0001_a.sql comes before 0002_b.sql');
});

test('a failing migration is undone whole and says which one it was', async () => {
  await write('0001_a.sql', 'create table a (n int)');
  await write('0002_b.sql', 'create table b (n int); select no_such_function()');
  await expect(run()).rejects.toThrow('The migration 0002_b.sql failed and was undone');
  expect(await query("select to_regclass('a') is not null as a, to_regclass('b') is not null as b")).toEqual([
    { a: true, b: false },
  ]);
});

test('a number that is taken twice and a name without a number are refused', async () => {
  await write('0001_a.sql', 'select 1');
  await write('0001_b.sql', 'select 1');
  await expect(run()).rejects.toThrow('Rename the migration 0001_b.sql');
  await rm(join(folder, '0001_b.sql'));
  await write('later.sql', 'select 1');
  await expect(run()).rejects.toThrow('Rename the migration later.sql');
});

test('nothing is planned when everything has run', () => {
  const files = [{ name: '0001_a.sql', sql: '', checksum: 'x' }];
  expect(planMigrations(files, new Map([['0001_a.sql', 'x']]))).toEqual([]);
  expect(planMigrations(files, new Map())).toEqual(files);
});

test.each([
  ['a superuser', 'true as rolsuper, false as rolbypassrls'],
  ['a role with BYPASSRLS', 'false as rolsuper, true as rolbypassrls'],
])('%s stops the start before anything is applied', async (_case, attributes) => {
  await write('0001_a.sql', 'create table a (n int)');
  // The test's role may make neither, so it looks at a catalogue in which it is one.
  await query(
    `create schema claimed; create view claimed.pg_roles as select rolname, ${attributes} from pg_catalog.pg_roles`,
  );
  const url = new URL(database.url);
  url.searchParams.set('options', '-c search_path=claimed,pg_catalog,public');
  await expect(migrate(url.href, folder)).rejects.toThrow(
    /bypasses row-level security; connect as a role with NOSUPERUSER/,
  );
  expect(await query(`select to_regclass('public.schema_migration') as history`)).toEqual([{ history: null }]);
});

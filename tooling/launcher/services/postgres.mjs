import { createHash } from 'node:crypto';
import { chownSync, lstatSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readText } from '../command.mjs';
import { Advice } from '../failure.mjs';
import { identify, workingFolder } from '../identity.mjs';
import { endRecorded } from './pid-files.mjs';

const READY_LIMIT_MS = 60_000;
const POLL_MS = 20;
/** A fast shutdown takes tenths of a second; killing it later loses nothing, the next start recovers. */
const STOP_GRACE_MS = 3000;
/** What sun_path holds on Linux, less the closing zero. */
const SOCKET_PATH_BYTES = 107;
const SOCKET_NAME = '/.s.PGSQL.5432';

/** A small machine's share: about 60 MB while idle. Durability stays on. */
const SETTINGS = {
  listen_addresses: '',
  shared_buffers: '64MB',
  max_connections: '60',
  effective_cache_size: '512MB',
  maintenance_work_mem: '64MB',
  max_wal_size: '512MB',
  max_parallel_workers_per_gather: '0',
  max_worker_processes: '4',
  autovacuum_max_workers: '2',
  autovacuum_naptime: '20s',
  random_page_cost: '1.1',
  log_min_duration_statement: '1000',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** A cluster that is thrown away after the tests has no power cut to survive. */
const THROW_AWAY = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' };

/**
 * @param {import('../setup/postgres.mjs').Cluster} cluster
 * @param {{ isThrowAway: boolean }} options
 * @returns {import('./supervise.mjs').Service}
 */
export function postgresService({ programs, data, account }, { isThrowAway }) {
  const sockets = ensureSocketFolder(data, account);
  const settings = { ...SETTINGS, ...(isThrowAway ? THROW_AWAY : {}), unix_socket_directories: `"${sockets}"` };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return {
    name: 'postgres',
    command: join(programs, 'bin', 'postgres'),
    args: ['-D', data, ...flags],
    cwd: dirname(data),
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
    account,
    stopSignal: 'SIGINT',
    graceMs: STOP_GRACE_MS,
    beforeStart: () => clearStalePid(data),
  };
}

/**
 * Waits until the server takes connections, by the state it keeps in its own pid file.
 * @param {string} data
 * @param {{ failed: Promise<void>, logFile: string }} supervised
 */
export async function postgresReady(data, { failed, logFile }) {
  const deadline = Date.now() + READY_LIMIT_MS;
  let hasFailed = false;
  void failed.then(() => {
    hasFailed = true;
  });
  while (readPidLines(data)?.[7]?.trim() !== 'ready') {
    if (hasFailed || Date.now() > deadline) throw new Advice('The database does not start.', { logFile });
    await delay(POLL_MS);
  }
}

/**
 * Where programs connect: by socket, so no port is taken and no other user's program can listen in.
 * @param {import('../setup/postgres.mjs').Cluster} cluster
 * @param {{ name: string, password: string }} role
 */
export function postgresUrl({ data }, { name, password }) {
  return `postgres://${name}:${password}@localhost/${name}?host=${encodeURIComponent(socketFolder(data))}`;
}

/** @param {string} data */
function socketFolder(data) {
  const beside = join(dirname(data), 'pgsocket');
  if (Buffer.byteLength(beside + SOCKET_NAME) <= SOCKET_PATH_BYTES) return beside;
  return join(tmpdir(), `ai-studio-${createHash('sha256').update(data).digest('hex').slice(0, 12)}`);
}

/**
 * @param {string} data
 * @param {import('../setup/account.mjs').Account | undefined} account
 */
function ensureSocketFolder(data, account) {
  const folder = socketFolder(data);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const owner = lstatSync(folder);
  const isOurs = owner.isDirectory() && [process.getuid?.(), account?.uid].includes(owner.uid);
  if (!isOurs) throw new Advice(`${folder} belongs to somebody else: remove it and start again.`);
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  return folder;
}

/**
 * A server that a killed launcher left is ended, cleanly, so that the new one recovers nothing. A pid file whose
 * number has gone to another process would make PostgreSQL refuse to start.
 * @param {string} data
 */
async function clearStalePid(data) {
  const pid = Number(readPidLines(data)?.[0]);
  if (!Number.isInteger(pid) || pid <= 1) return;
  const running = identify(pid);
  // A postmaster works in its data folder.
  if (running !== undefined && workingFolder(pid) === realpathSync(data)) {
    await endRecorded({ ...running, stopSignal: 'SIGINT' });
  }
  rmSync(join(data, 'postmaster.pid'), { force: true });
}

/**
 * @param {string} data
 * @returns {string[] | undefined}
 */
function readPidLines(data) {
  return readText(join(data, 'postmaster.pid'))?.split('\n');
}

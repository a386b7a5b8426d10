import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { identify, isAlive } from '../identity.mjs';
import { ROOT } from '../paths.mjs';
import { canReach, databaseAccount, reachableFolder } from '../setup/account.mjs';
import { eventually, removeFolder, startProcess, temporaryFolder } from './fixtures.mjs';

const SCRIPT = fileURLToPath(new URL('open-cluster.mjs', import.meta.url));
const NOBODY = { uid: 65_534, gid: 65_534 };
const isRoot = process.getuid?.() === 0;
const OPEN_LIMIT_MS = 60_000;

/** @param {string} data */
function postmaster(data) {
  const identity = identify(Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]));
  assert.ok(identity);
  return identity;
}

/** @param {string} folder */
function leaveHalfMadeCluster(folder) {
  mkdirSync(join(folder, 'pgdata.new', 'data'), { recursive: true });
  writeFileSync(join(folder, 'pgdata.new', 'data', 'PG_VERSION'), '18\n');
}

test('after an interrupted start a cluster opens, on a socket alone and not as root, and closes clean', async (context) => {
  const folder = temporaryFolder(context);
  leaveHalfMadeCluster(folder);
  const opened = startProcess(context, process.execPath, [SCRIPT, folder]);
  await eventually('it is open', () => opened.output().includes('open postgres://'), OPEN_LIMIT_MS);
  const server = postmaster(join(folder, 'pgdata'));
  assert.ok(existsSync(join(folder, 'pgsocket', '.s.PGSQL.5432')));
  assert.equal(existsSync(join(folder, 'pgdata.new')), false);
  assert.notEqual(statSync(`/proc/${server.pid}`).uid, 0);
  assert.equal(statSync(join(folder, 'pgdata')).mode & 0o077, 0);
  opened.child.kill('SIGTERM');
  assert.deepEqual(await opened.exited, { code: 0, signal: null });
  assert.equal(isAlive(server), false);
});

test('a normal user needs no other account', {
  skip: isRoot && canReach(ROOT, NOBODY) ? false : 'needs root and a checkout that others may read',
}, async (context) => {
  const folder = temporaryFolder(context);
  chownSync(folder, NOBODY.uid, NOBODY.gid);
  const opened = startProcess(context, process.execPath, [SCRIPT, folder], NOBODY);
  await eventually('it is open', () => opened.output().includes(`as ${NOBODY.uid}`), OPEN_LIMIT_MS);
  assert.equal(statSync(`/proc/${postmaster(join(folder, 'pgdata')).pid}`).uid, NOBODY.uid);
  opened.child.kill('SIGTERM');
  assert.deepEqual(await opened.exited, { code: 0, signal: null });
});

test('a folder behind a closed door gives way to one that the account can reach', { skip: !isRoot }, (context) => {
  const account = databaseAccount();
  const open = temporaryFolder(context);
  const closed = join(open, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  assert.ok(account);
  assert.equal(reachableFolder(join(open, 'home'), account), join(open, 'home'));
  const elsewhere = reachableFolder(join(closed, 'home'), account);
  context.after(() => removeFolder(elsewhere));
  assert.ok(canReach(elsewhere, account));
});

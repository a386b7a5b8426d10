import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isAlive, parseIdentity } from '../identity.mjs';
import { readHolder } from '../lock.mjs';
import { homePaths } from '../paths.mjs';
import { anyPort } from '../ports.mjs';
import { eventually, launchProcess, makeFolder, removeFolder } from './fixtures.mjs';

/** One studio home through the life it may have: started, started twice, killed, killed harder, stopped. */

const MAIN = fileURLToPath(new URL('../main.mjs', import.meta.url));
const START_LIMIT_MS = 120_000;

describe('a studio', { timeout: 300_000 }, () => {
  const folder = makeFolder();
  const home = homePaths(join(folder, 'home'));
  let port = 0;
  /** @type {ReturnType<typeof launchProcess>[]} */
  const launches = [];

  const launch = () => {
    const args = [MAIN, 'start', '--home', home.home, '--port', String(port)];
    const dropped = /^(npm_|STUDIO_)|^NODE_TEST_CONTEXT$/;
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !dropped.test(name)));
    const launched = launchProcess(process.execPath, args, { env });
    launches.push(launched);
    return launched;
  };
  const launchUntilReady = async () => {
    const launched = launch();
    await eventually(
      'the studio is ready',
      () => {
        assert.equal(launched.child.exitCode, null, launched.output());
        return launched.output().includes('ready at');
      },
      START_LIMIT_MS,
    );
    return launched;
  };
  const pageStatus = async () => (await fetch(`http://127.0.0.1:${port}/`)).status;

  before(async () => {
    port = await anyPort();
  });
  after(async () => {
    for (const { child } of launches) child.kill('SIGTERM');
    await Promise.all(launches.map(({ exited }) => exited));
    removeFolder(folder);
  });

  test('a first start makes a database and serves a page', async () => {
    const launched = await launchUntilReady();
    assert.match(launched.output(), /✓ Database {2}\d/);
    assert.equal(await pageStatus(), 200);
  });

  test('a second launch says where the studio is and leaves it alone', async () => {
    const second = launch();
    assert.deepEqual(await second.exited, { code: 0, signal: null });
    assert.match(second.output(), new RegExp(`already running at http://127.0.0.1:${port}`));
    assert.equal(await pageStatus(), 200);
  });

  test('a killed launcher takes its processes along', async () => {
    const children = runningChildren(home.run);
    assert.ok(children.length >= 3);
    process.kill(launcherPid(home.lock), 'SIGKILL');
    await eventually('every child has ended', () => !children.some(isAlive));
  });

  test('the start after it is warm and on the same database', async () => {
    const launched = await launchUntilReady();
    assert.deepEqual(launched.output().match(/✓ \w+/g), ['✓ Studio']);
    assert.equal(await pageStatus(), 200);
  });

  test('processes that outlived launcher and guard do not block the next start', async () => {
    const orphans = runningChildren(home.run);
    const pid = launcherPid(home.lock);
    for (const guard of guardsOf(pid)) process.kill(guard, 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    await eventually('the launcher is gone', () => readHolder(home.lock) === undefined || !isHeld(home.lock));
    assert.ok(orphans.every(isAlive));
    const launched = await launchUntilReady();
    assert.match(launched.output(), /Ended what an earlier launch had left running/);
    assert.ok(!orphans.some(isAlive));
    assert.equal(await pageStatus(), 200);
  });

  test('SIGTERM ends it and every process of it within ten seconds', async () => {
    const children = runningChildren(home.run);
    const startedMs = Date.now();
    process.kill(launcherPid(home.lock), 'SIGTERM');
    await eventually('every child has ended', () => !children.some(isAlive));
    assert.ok(Date.now() - startedMs < 10_000);
    await eventually('the lock is free', () => readHolder(home.lock) === undefined);
    assert.deepEqual(
      readdirSync(home.run).filter((name) => name.endsWith('.pid')),
      [],
    );
  });
});

/** @param {string} lock */
function launcherPid(lock) {
  const holder = readHolder(lock);
  assert.ok(holder);
  return holder.pid;
}

/** @param {string} lock */
function isHeld(lock) {
  const holder = readHolder(lock);
  return holder !== undefined && isAlive(holder);
}

/** @param {string} run */
function runningChildren(run) {
  return readdirSync(run)
    .filter((name) => name.endsWith('.pid'))
    .map((name) => parseIdentity(JSON.parse(readFileSync(join(run, name), 'utf8'))))
    .filter((identity) => identity !== undefined)
    .filter(isAlive);
}

/**
 * @param {number} parent
 * @returns {number[]}
 */
function guardsOf(parent) {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').map(Number);
  return children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('guard.sh'));
}

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { identify, isAlive } from '../identity.mjs';
import { readHolder, tryLock, waitForLock } from '../lock.mjs';
import { eventually, startProcess, temporaryFolder } from './fixtures.mjs';

const HOLD = `
  const { tryLock } = await import(process.argv[1]);
  const outcome = tryLock(process.argv[2], 'start');
  if ('lock' in outcome) outcome.lock.update({ url: 'http://127.0.0.1:1' });
  console.log('lock' in outcome ? 'took' : 'refused');
  if ('lock' in outcome) setInterval(() => {}, 1000);`;

/**
 * @param {import('node:test').TestContext} context
 * @param {string} file
 */
function otherLaunch(context, file) {
  const module = new URL('../lock.mjs', import.meta.url).href;
  return startProcess(context, process.execPath, ['--input-type=module', '--eval', HOLD, module, file]);
}

test('of many launches at once exactly one takes the lock', async (context) => {
  const file = join(temporaryFolder(context), 'lock');
  const launches = Array.from({ length: 6 }, () => otherLaunch(context, file));
  await eventually('all have answered', () => launches.every(({ output }) => /took|refused/.test(output())));
  assert.equal(launches.filter(({ output }) => output().includes('took')).length, 1);
});

test('the holder and its address are told', async (context) => {
  const file = join(temporaryFolder(context), 'lock');
  const other = otherLaunch(context, file);
  await eventually('the other has it', () => other.output().includes('took'));
  const outcome = tryLock(file, 'start');
  assert.ok('holder' in outcome);
  assert.equal(outcome.holder.pid, other.child.pid);
  assert.equal(outcome.holder.url, 'http://127.0.0.1:1');
});

test('a killed holder loses the lock', async (context) => {
  const file = join(temporaryFolder(context), 'lock');
  const other = otherLaunch(context, file);
  await eventually('the other has it', () => other.output().includes('took'));
  other.child.kill('SIGKILL');
  const lock = await waitForLock(file, { verb: 'start', onWait: () => {} });
  assert.equal(readHolder(file)?.pid, process.pid);
  lock.release();
  assert.equal(existsSync(file), false);
});

test('a number that now belongs to another process holds nothing', (context) => {
  const file = join(temporaryFolder(context), 'lock');
  const self = identify(process.pid);
  assert.ok(self);
  writeFileSync(file, JSON.stringify({ ...self, startTicks: '1', verb: 'start' }));
  assert.ok('lock' in tryLock(file, 'start'));
});

for (const content of ['', '{', '{"pid":1}', 'null', '{"pid":-1,"startTicks":"1","boot":"x"}']) {
  test(`a damaged lock (${content || 'empty'}) is taken over`, (context) => {
    const file = join(temporaryFolder(context), 'lock');
    writeFileSync(file, content);
    assert.ok('lock' in tryLock(file, 'start'));
  });
}

test('a process is itself, and gone when it has ended', async (context) => {
  const { child, exited } = startProcess(context, 'sleep', ['30']);
  assert.ok(child.pid);
  const identity = identify(child.pid);
  assert.ok(identity && isAlive(identity));
  assert.equal(isAlive({ ...identity, boot: 'another' }), false);
  child.kill();
  await exited;
  assert.equal(isAlive(identity), false);
});

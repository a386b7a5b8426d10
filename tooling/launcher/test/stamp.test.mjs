import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hashInputs, isStamped, writeStamp } from '../stamp.mjs';
import { temporaryFolder } from './fixtures.mjs';

/** @param {import('node:test').TestContext} context */
function sourceTree(context) {
  const root = temporaryFolder(context);
  mkdirSync(join(root, 'src', 'deep'), { recursive: true });
  writeFileSync(join(root, 'src', 'a.ts'), 'a');
  writeFileSync(join(root, 'src', 'deep', 'b.ts'), 'b');
  return { root, hash: () => hashInputs({ root, paths: [join(root, 'src')] }) };
}

test('a change of content, name or number of files changes the hash', (context) => {
  const { root, hash } = sourceTree(context);
  const seen = new Set([hash()]);
  writeFileSync(join(root, 'src', 'deep', 'b.ts'), 'B');
  seen.add(hash());
  writeFileSync(join(root, 'src', 'c.ts'), '');
  seen.add(hash());
  assert.equal(seen.size, 3);
});

test('a copy of the tree elsewhere has the same hash', (context) => {
  const { root, hash } = sourceTree(context);
  const copy = temporaryFolder(context);
  cpSync(root, copy, { recursive: true });
  assert.equal(hashInputs({ root: copy, paths: [join(copy, 'src')] }), hash());
});

test('what is built and what only tests does not count', (context) => {
  const { root, hash } = sourceTree(context);
  const before = hash();
  mkdirSync(join(root, 'src', 'node_modules'));
  writeFileSync(join(root, 'src', 'node_modules', 'x.js'), 'x');
  writeFileSync(join(root, 'src', 'a.test.ts'), 'x');
  assert.equal(hash(), before);
});

test('missing paths and plain values count', (context) => {
  const root = temporaryFolder(context);
  const missing = { root, paths: [join(root, 'nothing')] };
  assert.notEqual(hashInputs({ ...missing, values: ['cpu'] }), hashInputs({ ...missing, values: ['cuda'] }));
});

test('a stamp holds for its hash alone, and no half-written file stays', (context) => {
  const root = temporaryFolder(context);
  const stamp = join(root, 'deep', 'stamp');
  assert.equal(isStamped(stamp, 'abc'), false);
  writeStamp(stamp, 'abc');
  assert.equal(isStamped(stamp, 'abc'), true);
  assert.equal(isStamped(stamp, 'abd'), false);
  assert.deepEqual(readdirSync(join(root, 'deep')), ['stamp']);
});

import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { explainOutput } from '../failure.mjs';
import { planRestart } from '../services/supervise.mjs';
import { findAccount } from '../setup/account.mjs';
import { needsPrivateNode } from '../setup/node.mjs';
import { isInstalled } from '../setup/packages.mjs';
import { roleSql } from '../setup/postgres.mjs';
import { isNewEnough, torchRequirements } from '../setup/python.mjs';
import { ensureSecrets } from '../setup/secrets.mjs';
import { temporaryFolder } from './fixtures.mjs';

test('an old Node is replaced, a maintained one is used', () => {
  for (const version of ['20.20.2', '22.17.1']) assert.equal(needsPrivateNode(version), true, version);
  for (const version of ['22.18.0', '24.21.0', '26.0.0']) assert.equal(needsPrivateNode(version), false, version);
});

test('Python must be 3.11 or newer', () => {
  for (const version of ['3.11.0', '3.14.1']) assert.equal(isNewEnough(version), true, version);
  for (const version of ['3.9.2', '2.7.18', '0']) assert.equal(isNewEnough(version), false, version);
});

test('with a GPU the exact PyTorch build is asked for, else whichever pip prefers', () => {
  const content = '# the one version\ntorch==2.13.0  # pinned\n\n';
  assert.deepEqual(torchRequirements(content, false), ['torch==2.13.0']);
  assert.deepEqual(torchRequirements(content, true), ['torch===2.13.0']);
});

test('packages count as installed only when each of this platform is there in its version', () => {
  const lock = {
    packages: {
      '': {},
      'apps/api': { version: '1.0.0' },
      'node_modules/a': { version: '1.0.0' },
      'node_modules/other-os': { version: '1.0.0', optional: true, os: ['win32'] },
      'node_modules/native': { version: '2.0.0', optional: true, os: [process.platform], cpu: [process.arch] },
    },
  };
  const native = { 'node_modules/native': { version: '2.0.0' } };
  assert.equal(isInstalled(lock, { packages: { 'node_modules/a': { version: '1.0.0' }, ...native } }), true);
  assert.equal(isInstalled(lock, { packages: { 'node_modules/a': { version: '1.0.1' }, ...native } }), false);
  assert.equal(isInstalled(lock, { packages: { 'node_modules/a': { version: '1.0.0' } } }), false);
});

test('the database runs as an account that exists and is not root', () => {
  const passwd = 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n';
  assert.deepEqual(findAccount(passwd), { uid: 65534, gid: 65534 });
  assert.deepEqual(findAccount(`${passwd}postgres:x:101:104::/:/bin/sh\n`), { uid: 101, gid: 104 });
  assert.equal(findAccount('postgres:x:0:0::/:/bin/sh\n'), undefined);
});

test('the role is an ordinary one, and no name or password can smuggle in SQL', () => {
  const sql = roleSql({ name: 'studio', password: 'ab12', canCreateDatabases: false });
  assert.match(sql, /NOSUPERUSER NOBYPASSRLS/);
  assert.match(sql, /NOCREATEDB/);
  assert.throws(() => roleSql({ name: 'studio', password: "x'; --", canCreateDatabases: false }));
  assert.throws(() => roleSql({ name: 'a b', password: 'ab', canCreateDatabases: false }));
});

test('secrets are made once and readable by their owner alone', (context) => {
  const file = join(temporaryFolder(context), 'secrets.json');
  const first = ensureSecrets(file);
  assert.match(first.appSecret, /^[0-9a-f]{64}$/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(ensureSecrets(file), first);
  writeFileSync(file, '{"appSecret":');
  assert.throws(() => ensureSecrets(file), /damaged/);
});

test('a service that keeps dying waits longer each time and is then given up', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((deaths) => planRestart(deaths)),
    [500, 1000, 2000, 4000, undefined],
  );
  assert.equal(planRestart(2, 2), undefined);
});

const OUTPUTS = {
  'OSError: [Errno 28] No space left on device': /disk is full/,
  'npm error code ENOTFOUND': /registry could not be reached/,
  'ERROR: No matching distribution found for torch==9': /does not offer/,
  'npm error code EINTEGRITY': /not the one that was pinned/,
  'Error: EACCES: permission denied, mkdir': /could not be written/,
};
for (const [output, advice] of Object.entries(OUTPUTS)) {
  test(`"${output}" is explained`, () => assert.match(explainOutput(output) ?? '', advice));
}

test('what is not known is not explained away', () => {
  assert.equal(explainOutput('SyntaxError: unexpected token'), undefined);
});

import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Blob, isBlobKey, openFilesystemBlob } from './blob.ts';

let root: string;
let blob: Blob;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'studio-blob-'));
  blob = await openFilesystemBlob(root);
});
afterAll(() => rm(root, { recursive: true }));

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const bytes = randomBytes(200_000);

test('what was stored comes back byte for byte, with its hash and size', async () => {
  const stored = await blob.put('team_a/one.png', Readable.from(bytes), { maxBytes: 1e6 });
  expect(stored).toEqual({ sha256: sha256(bytes), sizeBytes: bytes.length });
  const found = await blob.find('team_a/one.png');
  expect(found?.sizeBytes).toBe(bytes.length);
  expect(found && (await buffer(found.read()))).toEqual(bytes);
});

test('a range reads just those bytes', async () => {
  await blob.put('ranged', Readable.from(bytes), { maxBytes: 1e6 });
  const found = await blob.find('ranged');
  expect(found && (await buffer(found.read({ start: 10, end: 19 })))).toEqual(bytes.subarray(10, 20));
});

test('storing again replaces, removing may be repeated', async () => {
  await blob.put('twice', Readable.from(bytes), { maxBytes: 1e6 });
  await blob.put('twice', Readable.from(Buffer.from('new')), { maxBytes: 1e6 });
  expect((await blob.find('twice'))?.sizeBytes).toBe(3);
  await blob.remove('twice');
  await blob.remove('twice');
  expect(await blob.find('twice')).toBeNull();
});

test.each([
  ['too large', { maxBytes: 199_999 }, 'blob.too_large'],
  ['of another hash', { maxBytes: 1e6, sha256: sha256(Buffer.from('other')) }, 'blob.hash_mismatch'],
])('a file that is %s leaves nothing behind', async (_, options, code) => {
  await expect(blob.put('refused', Readable.from(bytes), options)).rejects.toMatchObject({ code });
  expect(await blob.find('refused')).toBeNull();
  expect(await readdir(join(root, '.incoming'))).toEqual([]);
});

test('a stream that breaks off leaves nothing behind', async () => {
  const broken = Readable.from(
    (async function* () {
      yield bytes;
      throw new Error('connection lost');
    })(),
  );
  await expect(blob.put('broken', broken, { maxBytes: 1e6 })).rejects.toThrow('connection lost');
  expect(await blob.find('broken')).toBeNull();
  expect(await readdir(join(root, '.incoming'))).toEqual([]);
});

test('no key leads out of the folder', async () => {
  const keys = [
    '',
    '.',
    '..',
    '../x',
    'a/../../x',
    '/etc/passwd',
    'a//b',
    'a/',
    'A',
    'a\0b',
    '.incoming/x',
    'a\\..\\b',
  ];
  for (const key of keys) {
    expect([key, isBlobKey(key)]).toEqual([key, false]);
    await expect(blob.find(key)).rejects.toMatchObject({ code: 'blob.not_found' });
  }
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '1', '.', '/', '\\', '_', '-', '%') }), (key) => {
      fc.pre(isBlobKey(key));
      expect(join(root, key).startsWith(`${root}/`) && !key.includes('..')).toBe(true);
    }),
  );
});

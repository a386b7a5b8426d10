import { expect, test } from 'vitest';
import { deriveKey, isSameSecret, seal, unseal } from './secret.ts';

const secret = 'ab'.repeat(32);

test('what is sealed opens with the same key only, and never after a change', () => {
  const key = deriveKey(secret, 'one');
  const sealed = seal(key, 'private key');
  expect(unseal(key, sealed)).toBe('private key');
  expect(() => unseal(deriveKey(secret, 'two'), sealed)).toThrow();
  expect(() => unseal(deriveKey('cd'.repeat(32), 'one'), sealed)).toThrow();
  for (const at of [0, 12, sealed.length - 1]) {
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    expect(() => unseal(key, changed)).toThrow();
  }
});

test('the same text is sealed differently each time', () => {
  const key = deriveKey(secret, 'one');
  expect(seal(key, 'x').equals(seal(key, 'x'))).toBe(false);
});

test('secrets are equal only when every character is', () => {
  expect(isSameSecret('abc', 'abc')).toBe(true);
  for (const other of ['abd', 'ab', 'abcd', '']) expect(isSameSecret('abc', other)).toBe(false);
});

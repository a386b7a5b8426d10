import { expect, test } from 'vitest';
import { readNextPath, signInPath } from './next-path.ts';

test('a path of this site survives the sign-in', () => {
  const path = '/pictures/ast_1';
  expect(readNextPath(new URL(signInPath(path), 'http://x').search)).toBe(path);
});

test('an address of another site leads to the studio', () => {
  for (const bad of ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', '']) {
    expect(readNextPath(`?next=${encodeURIComponent(bad)}`)).toBe('/');
  }
});

import { ApiError, NetworkError } from '@studio/client';
import { expect, test } from 'vitest';
import { toSentence } from './sentence.ts';

const refusal = (details: Record<string, unknown>) =>
  new ApiError({ status: 400, code: 'request.invalid', message: 'The server said so.', requestId: 'r', details });

test('a refused field is named with its own reason', () => {
  const fields = [{ path: 'negativePrompt', message: 'Use at most 10 characters.' }];
  expect(toSentence(refusal({ fields }))).toBe('Negative prompt: use at most 10 characters.');
});

test('any other refusal keeps the sentence of the server', () => {
  expect(toSentence(refusal({}))).toBe('The server said so.');
  expect(toSentence(refusal({ fields: [{ path: 1 }] }))).toBe('The server said so.');
});

test('a broken line and a thrown value still make a sentence', () => {
  expect(toSentence(new NetworkError(null))).toBe('The studio cannot be reached; check the connection.');
  expect(toSentence('oops')).toBe('That did not work; try again.');
});

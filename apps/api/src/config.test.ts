import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configurationDocs, configurationDocsPath } from '../scripts/configuration-docs.ts';
import { parseConfig } from './config.ts';

const required = {
  STUDIO_DATABASE_URL: 'postgres://studio:secret@127.0.0.1:5432/studio',
  STUDIO_DATA_DIR: '/var/lib/studio',
  STUDIO_SECRET: 'ab'.repeat(32),
  STUDIO_ENGINE_TOKEN: 'x'.repeat(32),
};

test('the required variables are enough, and the studio then answers this machine only', () => {
  expect(parseConfig(required)).toMatchObject({
    host: '127.0.0.1',
    port: 8188,
    roles: ['api', 'worker', 'reaper'],
    registration: 'closed',
    trustProxy: false,
    publicUrl: undefined,
    productName: 'AI Studio',
  });
});

test('one message names every wrong variable', () => {
  const wrong = () =>
    parseConfig({
      ...required,
      STUDIO_PORT: 'eighty',
      STUDIO_SECRET: 'short',
      STUDIO_REGISTRATION: 'maybe',
      STUDIO_DATA_DIR: '',
    });
  expect(wrong).toThrow(
    /STUDIO_PORT: .*\n.*STUDIO_DATA_DIR: Set it to a folder\.\n.*STUDIO_SECRET: Use at least 64 hex/s,
  );
  expect(wrong).toThrow(/STUDIO_REGISTRATION: Write closed or open\./);
});

test('a wrong value never shows in the message', () => {
  expect(() => parseConfig({ ...required, STUDIO_SECRET: 'my-real-secret' })).not.toThrow(/my-real-secret/);
});

test('an empty variable counts as not set', () => {
  expect(parseConfig({ ...required, STUDIO_PORT: '', STUDIO_WEB_URL: '' })).toMatchObject({
    port: 8188,
    webUrl: undefined,
  });
});

test('an address with a path is reduced to its origin', () => {
  expect(parseConfig({ ...required, STUDIO_PUBLIC_URL: 'https://studio.example.org/app/' }).publicUrl).toBe(
    'https://studio.example.org',
  );
});

test.each([
  ['STUDIO_ROLES', 'api,cook', 'Use api, worker and reaper.'],
  ['STUDIO_WEB_URL', 'ftp://x', 'Write an address'],
  ['STUDIO_DATABASE_URL', 'mysql://x', 'Write postgres://'],
  ['STUDIO_ENGINE_TOKEN', 'guess', 'Use at least 32 characters.'],
])('%s refuses %s', (name, value, sentence) => {
  expect(() => parseConfig({ ...required, [name]: value })).toThrow(sentence);
});

test('docs/operating/configuration.md is what the schema generates', () => {
  expect(readFileSync(configurationDocsPath, 'utf8')).toBe(configurationDocs());
});

import { defineEndpoint, errorBodySchema, login } from '@studio/contracts';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { engineToken, startTestStudio, type TestStudio } from '../../test/studio.ts';
import { route } from './route.ts';

const engineCall = defineEndpoint({
  id: 'engineCall',
  method: 'POST',
  path: '/engine/v1/test',
  tag: 'Test',
  summary: 'Takes what an engine sends',
  auth: 'engine',
  body: z.strictObject({
    name: z.string().min(3),
    size: z.int().min(8).max(64).multipleOf(8),
    mode: z.enum(['fast', 'good']),
    tags: z.array(z.string()).max(1),
    own: z.string().refine((text) => text !== 'bad', 'Say something nicer.'),
  }),
  status: 200,
  response: z.object({ ok: z.boolean() }),
  errors: [],
});
const good = { name: 'abc', size: 8, mode: 'fast', tags: [], own: '' } as const;

const leak = defineEndpoint({
  id: 'leak',
  method: 'GET',
  path: '/api/v1/test-leak',
  tag: 'Test',
  summary: 'Answers more than it should',
  auth: 'public',
  query: z.object({ breaks: z.stringbool().default(false) }),
  status: 200,
  response: z.object({ id: z.string() }),
  errors: [],
});

let studio: TestStudio;
beforeAll(async () => {
  studio = await startTestStudio();
  const { app, deps } = studio;
  route(engineCall, {}, () => ({ ok: true }))(app, deps);
  route(leak, {}, ({ query }) => {
    if (query.breaks) throw new Error('select * from secrets failed');
    const row = { id: 'x', passwordHash: 'secret' };
    return row;
  })(app, deps);
});
afterAll(() => studio.stop());

const inject = async (options: InjectOptions) => {
  const response = await studio.app.inject(options);
  return { status: response.statusCode, error: errorBodySchema.parse(response.json()).error, response };
};

const loginWith = (payload: string, contentType = 'application/json') =>
  inject({ method: 'POST', url: login.path, payload, headers: { 'content-type': contentType } });

test.each([
  ['broken JSON', () => loginWith('{"email":'), 400, 'request.unparseable'],
  ['an empty body', () => loginWith(''), 400, 'request.unparseable'],
  ['a form', () => loginWith('email=a', 'application/x-www-form-urlencoded'), 415, 'request.unsupported_media_type'],
  ['plain text', () => loginWith('{}', 'text/plain'), 415, 'request.unsupported_media_type'],
  ['two megabytes', () => loginWith(JSON.stringify({ email: 'x'.repeat(2 ** 21) })), 413, 'request.too_large'],
  ['a poisoned prototype', () => loginWith('{"__proto__":{"a":1}}'), 400, 'request.unparseable'],
  ['an unknown path', () => inject({ url: '/api/v1/nothing' }), 404, 'request.not_found'],
  ['an unknown method', () => inject({ method: 'PATCH', url: login.path }), 404, 'request.not_found'],
  ['a malformed path', () => inject({ url: '/api/%zz' }), 404, 'request.not_found'],
])('%s gets a coded answer', async (_, ask, status, code) => {
  const answer = await ask();
  expect([answer.status, answer.error.code]).toEqual([status, code]);
});

test('every wrong field is named at once, each with a sentence', async () => {
  const wrong = { size: 9, mode: 'slow', tags: ['a', 'b'], own: 'bad', extra: 1 };
  const answer = await inject({
    method: 'POST',
    url: engineCall.path,
    headers: { authorization: `Bearer ${engineToken}` },
    payload: wrong,
  });
  expect(answer.error.code).toBe('request.invalid');
  expect(answer.error.details?.fields).toEqual([
    { path: 'name', message: 'This field is required.' },
    { path: 'size', message: 'Use a multiple of 8.' },
    { path: 'mode', message: 'Use one of: fast, good.' },
    { path: 'tags', message: 'Give at most 1 entry.' },
    { path: 'own', message: 'Say something nicer.' },
    { path: '', message: 'There is no such field: extra.' },
  ]);
});

test.each([
  ['name', 5, 'Expected text.'],
  ['name', 'ab', 'Use at least 3 characters.'],
  ['size', 8.5, 'Expected a whole number.'],
  ['size', 72, 'Use a number of at most 64.'],
  ['tags', 'a', 'Expected a list.'],
])('the sentence for %s = %j', async (field, value, message) => {
  const answer = await inject({
    method: 'POST',
    url: engineCall.path,
    headers: { authorization: `Bearer ${engineToken}` },
    payload: { ...good, [field]: value },
  });
  expect(answer.error.details?.fields).toEqual([{ path: field, message }]);
});

test('only the engine token opens engine routes', async () => {
  const call = (token?: string) => studio.send(engineCall, { body: { ...good, tags: [] }, ...(token && { token }) });
  expect((await call(engineToken)).statusCode).toBe(200);
  for (const token of [undefined, 'wrong', `${engineToken}x`]) {
    expect((await call(token)).json().error.code).toBe('engine.token_invalid');
  }
});

test('an answer holds what its contract lists and nothing more', async () => {
  expect((await studio.send(leak)).json()).toEqual({ id: 'x' });
});

test('an unexpected failure tells the visitor nothing but a request id', async () => {
  const { error, response } = await inject({ url: `${leak.path}?breaks=true` });
  expect(error.code).toBe('server.internal');
  expect(response.body).not.toContain('secrets');
  expect(error.requestId).toBe(response.headers['x-request-id']);
});

test.each([
  ['http://evil.example', 403],
  ['http://studio.evil.example:8188', 403],
  ['null', 403],
  ['http://localhost:8188', 401],
  [undefined, 401],
])('a sign-in whose Origin is %s', async (origin, status) => {
  const headers = { host: 'localhost:8188', ...(origin && { origin }) };
  const answer = await studio.send(login, { body: { email: 'a@example.org', password: 'x' }, headers });
  expect(answer.statusCode).toBe(status);
});

test('a name that was pointed at this machine is not its own origin', async () => {
  const headers = { host: 'rebound.example:8188', origin: 'http://rebound.example:8188' };
  const answer = await studio.send(login, { body: { email: 'a@example.org', password: 'x' }, headers });
  expect(answer.json().error.code).toBe('request.cross_origin');
});

test('guessing passwords is slowed down', async () => {
  const guess = () => studio.send(login, { body: { email: 'a@example.org', password: 'x' } });
  const answers = await Promise.all(Array.from({ length: 25 }, guess));
  const limited = answers.filter((answer) => answer.statusCode === 429);
  expect(limited.length).toBeGreaterThanOrEqual(5);
  expect(limited[0]?.json().error.code).toBe('request.rate_limited');
});

test('no answer can be framed, sniffed or kept', async () => {
  const { headers } = await studio.app.inject('/api/v1/studio');
  expect(headers).toMatchObject({
    'content-security-policy': expect.stringContaining("default-src 'none'"),
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
  expect(headers['access-control-allow-origin']).toBeUndefined();
});

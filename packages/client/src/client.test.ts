import { afterEach, expect, expectTypeOf, test } from 'vitest';
import { createClient } from './client.ts';
import { ApiError, NetworkError } from './errors.ts';
import { routes } from './index.ts';
import { type Fixture, refuse, reply, serve } from './testing.ts';

let fixture: Fixture | undefined;
afterEach(() => fixture?.close());

const id = 'ast_01jd8x7q5w3n4k6m8p9r0s2t4v';

test('params, query, body and headers go where the contract says', async () => {
  const seen: unknown[] = [];
  fixture = await serve((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      seen.push([request.method, request.url, request.headers['idempotency-key'], request.headers.authorization, text]);
      reply(response, 200, {});
    });
  });
  const client = createClient({ baseUrl: `http://${fixture.origin}`, getAccessToken: () => 'token' });
  await client.call(routes.getAsset, { params: { id: 'a/b' } });
  await client.call(routes.listJobs, { query: { status: 'active', limit: 5 } });
  await client.call(routes.generateTxt2img, { body: { prompt: 'a cat' }, idempotencyKey: 'key' });
  await client.call(routes.getStudio);
  expect(seen).toEqual([
    ['GET', '/api/v1/assets/a%2Fb', undefined, 'Bearer token', ''],
    ['GET', '/api/v1/jobs?status=active&limit=5', undefined, 'Bearer token', ''],
    ['POST', '/api/v1/generate/txt2img', 'key', 'Bearer token', '{"prompt":"a cat"}'],
    ['GET', '/api/v1/studio', undefined, undefined, ''],
  ]);
});

test('answers carry the types of the contract', () => {
  const client = createClient({ baseUrl: '' });
  const read = () => client.call(routes.getStudio);
  expectTypeOf<Awaited<ReturnType<typeof read>>['hasOwner']>().toEqualTypeOf<boolean>();
  // @ts-expect-error: the id is required
  expectTypeOf(() => client.call(routes.getAsset, {})).toBeFunction();
  // @ts-expect-error: a prompt is text
  expectTypeOf(() => client.call(routes.generateTxt2img, { body: { prompt: 1 } })).toBeFunction();
});

test('a refusal becomes an ApiError with the sentence and the request id', async () => {
  fixture = await serve((_, response) => refuse(response, 404, 'asset.not_found'));
  const client = createClient({ baseUrl: `http://${fixture.origin}` });
  const error = await client.call(routes.getAsset, { params: { id } }).catch((cause) => cause);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 404, code: 'asset.not_found', message: 'A sentence.', requestId: 'req_1' });
});

test('a page from a gateway still becomes a sentence', async () => {
  fixture = await serve((_, response) => response.writeHead(502).end('<html>'));
  const client = createClient({ baseUrl: `http://${fixture.origin}` });
  await expect(client.call(routes.getStudio)).rejects.toMatchObject({ code: 'server.unavailable', status: 502 });
});

test('no answer becomes a NetworkError', async () => {
  fixture = await serve((request) => request.socket.destroy());
  const client = createClient({ baseUrl: `http://${fixture.origin}` });
  await expect(client.call(routes.getStudio)).rejects.toBeInstanceOf(NetworkError);
});

test('parallel calls with an expired token renew it once and all succeed', async () => {
  fixture = await serve((request, response) =>
    request.headers.authorization === 'Bearer new'
      ? reply(response, 200, {})
      : refuse(response, 401, 'auth.token_expired'),
  );
  let token = 'old';
  let renewals = 0;
  const client = createClient({
    baseUrl: `http://${fixture.origin}`,
    getAccessToken: () => token,
    onUnauthorized: async () => {
      renewals += 1;
      token = 'new';
      return true;
    },
  });
  await Promise.all(Array.from({ length: 12 }, () => client.call(routes.getMe)));
  expect(renewals).toBe(1);
});

test('a session that is over is refused once, without a second try', async () => {
  let requests = 0;
  fixture = await serve((_, response) => {
    requests += 1;
    refuse(response, 401, 'auth.token_expired');
  });
  const client = createClient({
    baseUrl: `http://${fixture.origin}`,
    getAccessToken: () => 'old',
    onUnauthorized: () => Promise.resolve(false),
  });
  await expect(client.call(routes.getMe)).rejects.toMatchObject({ code: 'auth.token_expired' });
  expect(requests).toBe(1);
});

test('a wrong password asks for no renewal', async () => {
  fixture = await serve((_, response) => refuse(response, 401, 'auth.wrong_credentials'));
  let renewals = 0;
  const client = createClient({
    baseUrl: `http://${fixture.origin}`,
    onUnauthorized: async () => {
      renewals += 1;
      return true;
    },
  });
  const body = { email: 'a@b.example', password: 'x' };
  await expect(client.call(routes.login, { body })).rejects.toMatchObject({ code: 'auth.wrong_credentials' });
  expect(renewals).toBe(0);
});

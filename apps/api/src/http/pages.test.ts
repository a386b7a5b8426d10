import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestStudio, type TestStudio } from '../../test/studio.ts';

/** A web process that says what reached it. */
let web: Server;
let webUrl: string;
let seen: IncomingMessage[];
let studio: TestStudio;

const listen = (): Promise<string> =>
  new Promise((resolve, reject) => {
    web.listen(0, '127.0.0.1', () => {
      const address = web.address();
      if (typeof address === 'object' && address) resolve(`http://127.0.0.1:${address.port}`);
      else reject(new Error('The test server has no port.'));
    });
  });

beforeAll(async () => {
  seen = [];
  web = createServer((request, response) => {
    seen.push(request);
    response.setHeader('content-type', 'text/html; charset=utf-8').end(`<p>${request.url}</p>`);
  });
  webUrl = await listen();
  studio = await startTestStudio({ STUDIO_WEB_URL: webUrl, STUDIO_PRODUCT_NAME: '<Acme & Sons>' });
});
afterAll(async () => {
  web.close();
  await studio.stop();
});

test.each(['/', '/gallery?page=2', '/_next/static/chunk.js'])('%s comes from the web process', async (url) => {
  const answer = await studio.app.inject(url);
  expect([answer.statusCode, answer.body]).toEqual([200, `<p>${url}</p>`]);
  expect(answer.headers['content-security-policy']).toContain("frame-ancestors 'none'");
});

test.each(['/api/nothing', '/engine/v1/nothing', '/ws/nothing', '/.well-known/nothing', '/api'])(
  '%s is never a page',
  async (url) => {
    const before = seen.length;
    const answer = await studio.app.inject(url);
    expect([answer.statusCode, answer.json().error.code]).toEqual([404, 'request.not_found']);
    expect(seen.length).toBe(before);
  },
);

test('what Next believes about itself cannot be claimed from outside, and only the theme cookie goes on', async () => {
  const headers = {
    'x-middleware-subrequest': 'middleware',
    'x-nextjs-data': '1',
    cookie: 'studio_refresh=secret; studio_theme=dark',
  };
  await studio.app.inject({ url: '/account', headers });
  const received = seen.at(-1)?.headers ?? {};
  expect(Object.keys(received).filter((name) => /^x-(middleware|nextjs)/.test(name))).toEqual([]);
  expect(received.cookie).toBe('studio_theme=dark');
});

test('a page cannot be posted to', async () => {
  expect((await studio.app.inject({ method: 'POST', url: '/gallery', payload: {} })).statusCode).toBe(404);
});

test('while the web process is not up a page waits for it under the product name', async () => {
  const waiting = await startTestStudio({ STUDIO_WEB_URL: 'http://127.0.0.1:9', STUDIO_PRODUCT_NAME: '<Acme & Sons>' });
  try {
    const page = await waiting.app.inject({ url: '/', headers: { accept: 'text/html,*/*' } });
    expect(page.statusCode).toBe(503);
    expect(page.headers['retry-after']).toBe('1');
    expect(page.body).toContain('<h1>&lt;Acme &amp; Sons&gt;</h1>');
    expect(page.body).toContain('http-equiv="refresh"');
    const script = await waiting.app.inject('/_next/static/chunk.js');
    expect([script.statusCode, script.headers['content-type']]).toEqual([503, 'text/plain; charset=utf-8']);
  } finally {
    await waiting.stop();
  }
});

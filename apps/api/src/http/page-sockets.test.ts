import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { startTestStudio, type TestStudio } from '../../test/studio.ts';

/** A development server that echoes what it is told, and tells first on which path. */
const web = createServer();
const sockets = new WebSocketServer({ server: web });
sockets.on('connection', (socket, request) => {
  socket.send(request.url ?? '');
  socket.on('message', (data) => socket.send(data));
});

let studio: TestStudio;
let origin: string;
beforeAll(async () => {
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  const address = web.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  studio = await startTestStudio({ STUDIO_WEB_URL: `http://127.0.0.1:${port}`, STUDIO_WEB_DEV: 'true' });
  origin = (await studio.listen()).replace('http', 'ws');
});
afterAll(async () => {
  sockets.close();
  web.close();
  await studio.stop();
});

test('a socket of the development server passes through', async () => {
  const socket = new WebSocket(`${origin}/_next/hmr?id=1`);
  const next = async () => String((await once(socket, 'message'))[0]);
  expect(await next()).toBe('/_next/hmr?id=1');
  socket.send('hello');
  expect(await next()).toBe('hello');
  socket.terminate();
});

test('a socket of ours stays ours', async () => {
  const socket = new WebSocket(`${origin}/ws`);
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'hello', accessToken: 'guess' }));
  expect(JSON.parse(String((await once(socket, 'message'))[0]))).toMatchObject({ code: 'auth.token_invalid' });
  socket.terminate();
});

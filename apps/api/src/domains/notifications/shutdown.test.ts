import { once } from 'node:events';
import { expect, test } from 'vitest';
import WebSocket from 'ws';
import { openScriptedEngine } from '../../../test/scripted-engine.ts';
import { engineToken, startTestStudio } from '../../../test/studio.ts';

test('a server that stops waits neither for claims nor for sockets and streams', async () => {
  const studio = await startTestStudio();
  const { accessToken } = await studio.registerOwner();
  const { engineId } = await openScriptedEngine(studio);
  const origin = await studio.listen();

  const claim = fetch(`${origin}/engine/v1/claim`, {
    method: 'POST',
    headers: { authorization: `Bearer ${engineToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ engineId, queues: ['default'], loadedModels: [], slots: 1, waitMs: 25_000 }),
  });
  const stream = await fetch(`${origin}/api/v1/events`, { headers: { authorization: `Bearer ${accessToken}` } });
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  // Headers come before the first event; the server is stopped in the middle of a live stream.
  expect((await reader?.read())?.value).toContain('event: ready');
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/ws`);
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'hello', accessToken }));
  await once(socket, 'message');
  const closed = once(socket, 'close');

  const startedMs = performance.now();
  await studio.app.close();
  // The claim alone would have held the server for 25 s.
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  expect(await (await claim).json()).toEqual({ leases: [] });
  while (!(await reader?.read())?.done);
  await closed;
  await studio.stop();
});

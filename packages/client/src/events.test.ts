import { afterEach, expect, test, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { type EventStream, type EventsOptions, openEvents } from './events.ts';
import { type Fixture, serve } from './testing.ts';

let fixture: Fixture | undefined;
let stream: EventStream | undefined;
afterEach(async () => {
  stream?.close();
  await fixture?.close();
});

const heartbeatMs = 100;
const send = (socket: WebSocket, frame: unknown) => socket.send(JSON.stringify(frame));
const ready = (seq: number) => ({ type: 'ready', seq, isComplete: true, heartbeatMs });
const deleted = (seq: number) => ({
  type: 'asset.deleted',
  seq,
  at: '2026-01-01T00:00:00Z',
  data: { assetId: 'ast_1' },
});

/** Each connection runs the next script with the parsed hello; the last script serves all later ones. */
const studio = async (...scripts: ((socket: WebSocket, hello: unknown) => void)[]) => {
  const hellos: unknown[] = [];
  fixture = await serve(
    (_, response) => response.end(),
    (socket) =>
      socket.once('message', (data) => {
        const hello: unknown = JSON.parse(data.toString());
        const script = scripts[Math.min(hellos.length, scripts.length - 1)];
        hellos.push(hello);
        script?.(socket, hello);
      }),
  );
  return { hellos, url: `ws://${fixture.origin}/ws` };
};

const follow = (url: string, options: Partial<EventsOptions> = {}) => {
  const seen: unknown[] = [];
  stream = openEvents({
    url,
    getAccessToken: () => 'token',
    onUnauthorized: () => Promise.resolve(true),
    onEvent: (event) => seen.push('seq' in event ? event.seq : event.type),
    onStatus: (status) => seen.push(status),
    onReady: ({ isComplete }) => seen.push(isComplete ? 'complete' : 'incomplete'),
    ...options,
  });
  return seen;
};

test('says hello, goes live and passes events on', async () => {
  const { hellos, url } = await studio((socket) => {
    send(socket, ready(7));
    send(socket, deleted(8));
  });
  const seen = follow(url);
  await vi.waitFor(() => expect(seen).toContain(8));
  expect(seen).toEqual(['connecting', 'live', 'complete', 8]);
  expect(hellos).toEqual([{ type: 'hello', accessToken: 'token' }]);
});

test('after a break it comes back and resumes from the last number seen', async () => {
  const { hellos, url } = await studio(
    (socket) => {
      send(socket, ready(7));
      send(socket, deleted(9));
      socket.close();
    },
    (socket) => {
      send(socket, ready(9));
      send(socket, deleted(10));
    },
  );
  const seen = follow(url);
  await vi.waitFor(() => expect(seen).toContain(10));
  expect(hellos[1]).toEqual({ type: 'hello', accessToken: 'token', since: 9 });
  expect(seen).toEqual(['connecting', 'live', 'complete', 9, 'waiting', 'connecting', 'live', 'complete', 10]);
});

test('a line that falls silent is dropped within three heartbeats', async () => {
  const { hellos, url } = await studio((socket) => send(socket, ready(1)));
  follow(url);
  await vi.waitFor(() => expect(hellos).toHaveLength(1));
  const startedAt = performance.now();
  await vi.waitFor(() => expect(hellos).toHaveLength(2), { timeout: 3_000 });
  expect(performance.now() - startedAt).toBeGreaterThan(heartbeatMs * 2);
});

test('heartbeats keep a quiet line open', async () => {
  let beats = 0;
  const { hellos, url } = await studio((socket) => {
    send(socket, ready(1));
    const timer = setInterval(() => {
      send(socket, { type: 'heartbeat' });
      beats += 1;
    }, heartbeatMs);
    socket.once('close', () => clearInterval(timer));
  });
  follow(url);
  await vi.waitFor(() => expect(beats).toBeGreaterThan(6), { timeout: 3_000 });
  expect(hellos).toHaveLength(1);
});

test('an expired token is renewed and the line comes back with the new one', async () => {
  let token = 'old';
  const { hellos, url } = await studio(
    (socket) => {
      send(socket, { type: 'error', code: 'auth.token_expired', message: 'A sentence.' });
      socket.close();
    },
    (socket) => send(socket, ready(1)),
  );
  const seen = follow(url, {
    getAccessToken: () => token,
    onUnauthorized: async () => {
      token = 'new';
      return true;
    },
  });
  await vi.waitFor(() => expect(seen).toContain('live'));
  expect(hellos).toEqual([
    { type: 'hello', accessToken: 'old' },
    { type: 'hello', accessToken: 'new' },
  ]);
});

test('a session that is over closes the stream for good', async () => {
  const { hellos, url } = await studio((socket) =>
    send(socket, { type: 'error', code: 'auth.token_invalid', message: 'A sentence.' }),
  );
  const seen = follow(url, { onUnauthorized: () => Promise.resolve(false) });
  await vi.waitFor(() => expect(seen).toContain('closed'));
  expect(hellos).toHaveLength(1);
});

test('a preview frame arrives as a header and an image', async () => {
  const header = { type: 'job.preview', jobId: 'job_1', attempt: 1, step: 3, contentType: 'image/png' };
  const { url } = await studio((socket) => {
    send(socket, ready(1));
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(json.length);
    socket.send(Buffer.concat([length, json, Buffer.from([1, 2, 3])]));
  });
  const previews: [unknown, Blob][] = [];
  follow(url, { onPreview: (head, image) => previews.push([head, image]) });
  await vi.waitFor(() => expect(previews).toHaveLength(1));
  const [seen, image] = previews[0] ?? [null, new Blob([])];
  expect(seen).toEqual(header);
  expect(image.type).toBe('image/png');
  expect([...new Uint8Array(await image.arrayBuffer())]).toEqual([1, 2, 3]);
});

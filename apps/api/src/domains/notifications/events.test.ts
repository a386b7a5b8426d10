import {
  cancelJob,
  deleteAsset,
  generateTxt2img,
  getJob,
  type Job,
  previewHeaderSchema,
  restoreAsset,
  type Session,
  type StudioEvent,
  socketServerFrameSchema,
  studioEventSchema,
} from '@studio/contracts';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { openScriptedEngine, pictureBytes, type ScriptedEngine } from '../../../test/scripted-engine.ts';
import { signInStranger } from '../../../test/stranger.ts';
import { startTestStudio, type TestStudio } from '../../../test/studio.ts';

let studio: TestStudio;
let engine: ScriptedEngine;
let owner: Session;
let token: string;
let origin: string;

beforeAll(async () => {
  studio = await startTestStudio();
  owner = await studio.registerOwner();
  token = owner.accessToken;
  engine = await openScriptedEngine(studio);
  origin = await studio.listen();
});
afterAll(() => studio?.stop());

interface Line {
  readonly events: StudioEvent[];
  readonly previews: { header: unknown; image: string }[];
  readonly frames: unknown[];
  readonly closed: Promise<number>;
  /** Resolves with the first event that fits, also one that has come already. */
  until(fits: (event: StudioEvent) => boolean): Promise<StudioEvent>;
  readonly ready: Promise<{ seq: number; isComplete: boolean }>;
  close(): void;
  pause(): void;
  resume(): void;
}

const open: WebSocket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.terminate();
});

const readPreview = (data: Buffer) => {
  const length = data.readUInt32BE(0);
  const header = previewHeaderSchema.parse(JSON.parse(data.subarray(4, 4 + length).toString()));
  return { header, image: data.subarray(4 + length).toString() };
};

const connect = (path = '/ws', hello: unknown = { type: 'hello', accessToken: token }): Line => {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}${path}`);
  open.push(socket);
  const events: StudioEvent[] = [];
  const previews: Line['previews'] = [];
  const frames: unknown[] = [];
  const watchers = new Set<() => void>();
  const ready = Promise.withResolvers<{ seq: number; isComplete: boolean }>();
  socket.on('open', () => socket.send(typeof hello === 'string' ? hello : JSON.stringify(hello)));
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) previews.push(readPreview(data));
    else {
      const json: unknown = JSON.parse(data.toString());
      const event = studioEventSchema.safeParse(json);
      if (event.success) events.push(event.data);
      else {
        const frame = socketServerFrameSchema.parse(json);
        frames.push(frame);
        if (frame.type === 'ready') ready.resolve(frame);
      }
    }
    for (const watcher of watchers) watcher();
  });
  const closed = new Promise<number>((resolve) => socket.on('close', (code) => resolve(code)));
  const until: Line['until'] = (fits) =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = events.find(fits);
        if (found) resolve(found);
      };
      watchers.add(look);
      look();
      closed.then(() => reject(new Error('the socket closed first')));
    });
  return {
    events,
    previews,
    frames,
    closed,
    until,
    ready: ready.promise,
    close: () => socket.close(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  };
};

const teamId = () => owner.user.team.id;
const submit = (prompt = 'a red apple'): Promise<Job> => studio.call(generateTxt2img, { token, body: { prompt } });
const isEnd = (job: Job) => (event: StudioEvent) =>
  event.type === 'job.updated' && event.data.id === job.id && event.data.finishedAt !== null;
const numbers = (events: readonly StudioEvent[]) => events.flatMap((event) => ('seq' in event ? [event.seq] : []));
const preview = (text: string) => ({
  contentType: 'image/jpeg' as const,
  base64: Buffer.from(text).toString('base64'),
});

describe('a socket', () => {
  test('tells a job from its queue to its picture, in order', async () => {
    const line = connect();
    await line.ready;
    const job = await submit();
    const lease = await engine.take();
    await line.until((event) => event.type === 'job.updated' && event.data.status === 'running');
    await engine.progress(lease, 1, preview('p1'));
    await engine.complete(lease);
    const end = await line.until(isEnd(job));
    if (end.type === 'job.updated') expect(end.data).toMatchObject({ status: 'succeeded', assets: [{ index: 0 }] });
    const seen = numbers(line.events);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(new Set(seen).size).toBe(seen.length);
    const types = line.events.map((event) => event.type);
    expect(types).toContain('asset.created');
    expect(types).toContain('job.progress');
    expect(line.previews).toEqual([
      { header: { type: 'job.preview', jobId: job.id, attempt: 1, step: 1, contentType: 'image/jpeg' }, image: 'p1' },
    ]);
  });

  test('resumes after a break and misses nothing', async () => {
    const before = connect();
    const { seq: since } = await before.ready;
    before.close();
    await before.closed;
    const job = await submit('while away');
    await engine.complete(await engine.take());
    const line = connect('/ws', { type: 'hello', accessToken: token, since });
    expect(await line.ready).toMatchObject({ isComplete: true });
    const missed = line.events.find(isEnd(job));
    expect(missed).toMatchObject({ data: { status: 'succeeded', assets: [{}] } });
    expect(Math.min(...numbers(line.events))).toBeGreaterThan(since);
  });

  test('says when what was missed is no longer known', async () => {
    await engine.complete(await submit().then(() => engine.take()));
    const gap = connect();
    const { seq } = await gap.ready;
    const future = connect('/ws', { type: 'hello', accessToken: token, since: seq + 1_000 });
    expect(await future.ready).toEqual({ type: 'ready', seq, isComplete: false, heartbeatMs: 1_000 });
    await studio.deps.db.tx('system', (tx) => sql`delete from event where seq < ${seq}`.execute(tx));
    const late = connect('/ws', { type: 'hello', accessToken: token, since: 0 });
    expect(await late.ready).toMatchObject({ seq, isComplete: false });
    const present = connect('/ws', { type: 'hello', accessToken: token, since: seq });
    expect(await present.ready).toMatchObject({ seq, isComplete: true });
  });

  test('tells a late joiner the newest progress and preview at once', async () => {
    const job = await submit();
    const lease = await engine.take();
    await engine.progress(lease, 4, preview('old'));
    await engine.progress(lease, 5, preview('new'));
    const line = connect();
    const event = await line.until(({ type }) => type === 'job.progress');
    expect(event).toMatchObject({ data: { jobId: job.id, progress: { step: 5 } } });
    await engine.progress(lease, 6, preview('next'));
    await line.until(({ type, data }) => type === 'job.progress' && 'progress' in data && data.progress.step === 6);
    expect(line.previews.map(({ image }) => image)).toContain('new');
    expect(line.previews.map(({ image }) => image)).not.toContain('old');
    await engine.finalize(lease);
  });

  test('tells waiting jobs that they moved up', async () => {
    const line = connect();
    await line.ready;
    const [first, second] = [await submit(), await submit()];
    const lease = await engine.take();
    expect(lease.jobId).toBe(first.id);
    await line.until(
      (event) => event.type === 'job.moved' && event.data.jobId === second.id && event.data.position === 1,
    );
    await studio.call(cancelJob, { token, params: { id: second.id } });
    await engine.finalize(lease);
    await line.until(isEnd(second));
  });

  test('tells of pictures that go to the trash and come back', async () => {
    const job = await submit();
    await engine.complete(await engine.take());
    const id = (await studio.call(getJob, { token, params: { id: job.id } })).assets[0]?.id;
    if (!id) throw new Error('no picture');
    const line = connect();
    await line.ready;
    await studio.call(deleteAsset, { token, params: { id } });
    await line.until((event) => event.type === 'asset.deleted' && event.data.assetId === id);
    await studio.call(restoreAsset, { token, params: { id } });
    await line.until((event) => event.type === 'asset.restored' && event.data.id === id);
  });

  test('leaves previews out for a client that is behind, and nothing else', async () => {
    const line = connect();
    await line.ready;
    const job = await submit();
    const lease = await engine.take();
    line.pause();
    const image = Buffer.alloc(60 * 1024);
    const header = { type: 'job.preview', jobId: job.id, attempt: 1, step: 1, contentType: 'image/jpeg' } as const;
    const sent = 600;
    for (let i = 0; i < sent; i++) studio.deps.bus.publish('job.preview', { teamId: teamId(), header, image });
    await engine.complete(lease);
    line.resume();
    await line.until(isEnd(job));
    expect(line.previews.length).toBeGreaterThan(0);
    expect(line.previews.length).toBeLessThan(sent);
    expect(line.events.map(({ type }) => type)).toContain('asset.created');
  });

  test('never tells one team of another', async () => {
    const { token: stranger } = await signInStranger(studio);
    const theirs = connect('/ws', { type: 'hello', accessToken: stranger });
    const ours = connect();
    await Promise.all([theirs.ready, ours.ready]);
    const job = await submit();
    const lease = await engine.take();
    await engine.progress(lease, 1, preview('secret'));
    await engine.complete(lease);
    await ours.until(isEnd(job));
    expect(theirs.events).toEqual([]);
    expect(theirs.previews).toEqual([]);
    const spy = connect(`/ws/jobs/${job.id}`, { type: 'hello', accessToken: stranger });
    expect(await spy.closed).toBe(4404);
  });

  test.each<[string, unknown, number, string]>([
    ['a wrong token', { type: 'hello', accessToken: 'wrong' }, 4401, 'auth.token_invalid'],
    ['something else than a hello', { type: 'subscribe' }, 4400, 'request.invalid'],
    ['something else than JSON', 'hello', 4400, 'request.invalid'],
  ])('refuses %s', async (_case, hello, code, error) => {
    const line = connect('/ws', hello);
    expect(await line.closed).toBe(code);
    expect(line.frames).toMatchObject([{ type: 'error', code: error }]);
  });

  test('of one job begins with its present state and closes after its end', async () => {
    const [job, other] = [await submit(), await submit()];
    const line = connect(`/ws/jobs/${job.id}`);
    await line.ready;
    await engine.complete(await engine.take());
    expect(await line.closed).toBe(1000);
    expect(line.events[0]).toMatchObject({ type: 'job.updated', data: { id: job.id, status: 'queued' } });
    expect(line.events.at(-1)).toMatchObject({ type: 'job.updated', data: { status: 'succeeded' } });
    expect(JSON.stringify(line.events)).not.toContain(other.id);
    const late = connect(`/ws/jobs/${job.id}`);
    expect(await late.closed).toBe(1000);
    expect(late.events).toMatchObject([{ type: 'job.updated', data: { status: 'succeeded' } }]);
    await engine.complete(await engine.take());
  });
});

describe('server-sent events', () => {
  const request = (path: string, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(`${origin}${path}`, {
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(signal && { signal }),
    });
  const parse = (text: string) =>
    text
      .split('\n\n')
      .filter((block) => block.includes('event: '))
      .map((block) => Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s, 2))));

  test('of one job end after its last event and carry previews as data URLs', async () => {
    const job = await submit();
    const answer = await request(`/api/v1/jobs/${job.id}/events`);
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    const text = answer.text();
    const lease = await engine.take();
    await engine.progress(lease, 2, preview('sse'));
    await engine.finalize(lease, { outputs: await engine.upload(lease, [pictureBytes('sse')]) });
    const blocks = parse(await text);
    expect(blocks[0]).toMatchObject({ event: 'job.updated', id: expect.stringMatching(/^\d+$/) });
    const preview64 = JSON.parse(blocks.find(({ event }) => event === 'job.preview')?.data ?? 'null');
    expect(preview64).toMatchObject({ step: 2, image: `data:image/jpeg;base64,${preview('sse').base64}` });
    expect(JSON.parse(blocks.at(-1)?.data ?? 'null')).toMatchObject({ data: { status: 'succeeded', assets: [{}] } });
  });

  test('of a team resume from Last-Event-ID', async () => {
    const { seq } = await connect().ready;
    const job = await submit();
    await engine.complete(await engine.take());
    const leave = new AbortController();
    const answer = await request('/api/v1/events', { 'last-event-id': String(seq) }, leave.signal);
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes('event: ready')) break;
    }
    leave.abort();
    expect(text).toContain(job.id);
    expect(text).toContain('"status":"succeeded"');
  });

  test('need a token, and a job of the team', async () => {
    expect((await fetch(`${origin}/api/v1/events`)).status).toBe(401);
    expect((await request('/api/v1/jobs/job_01jd8x7q5w3n4k6m8p9r0s2t4v/events')).status).toBe(404);
  });
});

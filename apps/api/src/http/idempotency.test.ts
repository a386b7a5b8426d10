import { defineEndpoint, type Session } from '@studio/contracts';
import type { LightMyRequestResponse } from 'fastify';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { startTestStudio, type TestStudio } from '../../test/studio.ts';
import { recordAudit } from '../domains/audit/index.ts';
import { AppError } from '../platform/app-error.ts';
import { deleteExpiredAnswers } from './idempotency.ts';
import { route } from './route.ts';

/** Writes one row per run, so that the rows tell how often it ran. */
const writeNote = defineEndpoint({
  id: 'writeNote',
  method: 'POST',
  path: '/api/v1/test-notes',
  tag: 'Test',
  summary: 'Write one row',
  auth: 'user',
  body: z.object({ text: z.string(), fails: z.boolean().default(false) }),
  status: 201,
  response: z.object({ text: z.string(), number: z.int() }),
  errors: [],
  idempotent: true,
});

let studio: TestStudio;
let owner: Session;
/** Runs inside the handler, after its row is written. */
let duringRun: () => Promise<void>;
let committed: string[];

beforeAll(async () => {
  studio = await startTestStudio();
  route(writeNote, { can: 'job:create' }, ({ deps, actor, body }) =>
    deps.db.tx({ teamId: actor.teamId }, async (tx, onCommit) => {
      await recordAudit(tx, { action: 'test.note', teamId: actor.teamId, userId: actor.userId });
      onCommit(() => committed.push(body.text));
      await duringRun();
      if (body.fails) throw new AppError('job.queue_full');
      return { text: body.text, number: committed.length };
    }),
  )(studio.app, studio.deps);
  owner = await studio.registerOwner();
});
afterAll(() => studio.stop());
beforeEach(() => {
  duringRun = () => Promise.resolve();
  committed = [];
});

const send = (text: string, key: string | undefined, fails = false): Promise<LightMyRequestResponse> =>
  studio.send(writeNote, {
    token: owner.accessToken,
    headers: key === undefined ? {} : { 'idempotency-key': key },
    body: { text, fails },
  });

const countRows = async (): Promise<number> => {
  const rows = await studio.deps.db.tx('system', (tx) =>
    tx.selectFrom('audit_event').select('seq').where('action', '=', 'test.note').execute(),
  );
  return rows.length;
};

test('the same key and body run once and get the first answer', async () => {
  const before = await countRows();
  const answers = [await send('one', 'key-1'), await send('one', 'key-1')];
  expect(answers.map((answer) => answer.statusCode)).toEqual([201, 201]);
  expect(answers[0]?.json()).toEqual(answers[1]?.json());
  expect(await countRows()).toBe(before + 1);
  expect(committed).toEqual(['one']);
});

test('without a key every request runs', async () => {
  const before = await countRows();
  await send('two', undefined);
  await send('two', undefined);
  expect(await countRows()).toBe(before + 2);
});

test('the same key with another body is refused', async () => {
  await send('three', 'key-3');
  const answer = await send('four', 'key-3');
  expect([answer.statusCode, answer.json().error.code]).toEqual([422, 'idempotency.mismatch']);
});

test('a twin that arrives during the run is told so, and nothing runs twice', async () => {
  const before = await countRows();
  const entered = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  duringRun = () => {
    entered.resolve();
    return gate.promise;
  };
  const first = send('five', 'key-5');
  await entered.promise;
  const twin = await send('five', 'key-5');
  expect([twin.statusCode, twin.json().error.code]).toEqual([409, 'idempotency.in_progress']);
  gate.resolve();
  expect((await first).statusCode).toBe(201);
  expect((await send('five', 'key-5')).json()).toEqual((await first).json());
  expect(await countRows()).toBe(before + 1);
});

test('a hundred twins at once run once', async () => {
  const before = await countRows();
  const answers = await Promise.all(Array.from({ length: 100 }, () => send('six', 'key-6')));
  const done = answers.filter((answer) => answer.statusCode === 201).map((answer) => answer.body);
  expect(new Set(done).size).toBe(1);
  expect(answers.every((answer) => [201, 409].includes(answer.statusCode))).toBe(true);
  expect(await countRows()).toBe(before + 1);
});

test('a run whose twin finished between its look and its lock is undone', async () => {
  const before = await countRows();
  duringRun = async () => {
    const row = {
      team_id: owner.user.team.id,
      key: 'key-8',
      endpoint: 'writeNote',
      request_hash: Buffer.from('x'),
      response: '1',
    };
    await studio.deps.db.tx('system', (tx) => tx.insertInto('idempotency_key').values(row).execute());
  };
  expect((await send('late', 'key-8')).json().error.code).toBe('idempotency.in_progress');
  expect([await countRows(), committed]).toEqual([before, []]);
});

test('a failed run leaves nothing behind, announces nothing and may be repeated', async () => {
  const before = await countRows();
  expect((await send('seven', 'key-7', true)).statusCode).toBe(429);
  expect([await countRows(), committed]).toEqual([before, []]);
  expect((await send('seven', 'key-7')).statusCode).toBe(201);
});

test('a key that is not visible ASCII of 1 to 200 characters is a wrong field', async () => {
  for (const key of ['', 'a b', 'x'.repeat(201)]) {
    const answer = await send('eight', key);
    expect(answer.json().error).toMatchObject({
      code: 'request.invalid',
      details: { fields: [{ path: 'Idempotency-Key' }] },
    });
  }
});

test('after 24 hours a key is free again', async () => {
  await send('nine', 'key-9');
  await studio.deps.db.tx('system', (tx) => sql`update idempotency_key set expires_at = now()`.execute(tx));
  expect((await send('ten', 'key-9')).json()).toMatchObject({ text: 'ten' });
  await studio.deps.db.tx('system', (tx) => sql`update idempotency_key set expires_at = now()`.execute(tx));
  await deleteExpiredAnswers(studio.deps);
  const left = await studio.deps.db.tx('system', (tx) => tx.selectFrom('idempotency_key').select('key').execute());
  expect(left).toEqual([]);
});

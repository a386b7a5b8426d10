import { getMe, type Session } from '@studio/contracts';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestStudio, type TestStudio } from '../../../test/studio.ts';
import { openAccessTokens } from './index.ts';

let studio: TestStudio;
let owner: Session;
beforeAll(async () => {
  studio = await startTestStudio();
  owner = await studio.registerOwner();
});
afterAll(() => studio.stop());

const states = async (): Promise<Record<string, string>> => {
  const rows = await studio.deps.db.tx('system', (tx) =>
    tx.selectFrom('signing_key').select(['kid', 'state']).execute(),
  );
  return Object.fromEntries(rows.map((row) => [row.kid, row.state]));
};
const kidIn = async (state: string): Promise<string | undefined> =>
  Object.entries(await states()).find(([, value]) => value === state)?.[0];

const age = (interval: string) =>
  studio.deps.db.tx('system', (tx) =>
    sql`update signing_key set changed_at = now() - ${interval}::interval`.execute(tx),
  );

test('a restart keeps the keys', async () => {
  const before = await states();
  expect(Object.values(before).sort()).toEqual(['active', 'next']);
  await openAccessTokens(studio.deps);
  expect(await states()).toEqual(before);
});

test('two processes that start at once agree on one active key', async () => {
  await studio.deps.db.tx('system', (tx) => tx.deleteFrom('signing_key').execute());
  const rings = await Promise.all([openAccessTokens(studio.deps), openAccessTokens(studio.deps)]);
  expect(rings[0]?.publicKeys).toEqual(rings[1]?.publicKeys);
  expect(Object.values(await states()).sort()).toEqual(['active', 'next']);
});

test('after 90 days the next key takes over, and tokens of the old one live on', async () => {
  const [active, next] = [await kidIn('active'), await kidIn('next')];
  const before = await openAccessTokens(studio.deps);
  const token = await before.sign(
    { userId: owner.user.id, teamId: owner.user.team.id, role: 'owner', sessionId: await anySession() },
    owner.user,
  );
  await age('91 days');
  const after = await openAccessTokens(studio.deps);
  expect(await kidIn('active')).toBe(next);
  expect(await kidIn('retired')).toBe(active);
  expect(await after.verify(token)).toMatchObject({ userId: owner.user.id });
});

test('a retired key goes once its tokens are dead', async () => {
  const retired = await kidIn('retired');
  await age('1 hour');
  await openAccessTokens(studio.deps);
  expect(Object.keys(await states())).not.toContain(retired);
});

test('keys that another STUDIO_SECRET sealed are replaced, and the studio starts', async () => {
  const before = Object.keys(await states());
  const config = { ...studio.deps.config, secret: 'cd'.repeat(32) };
  await openAccessTokens({ ...studio.deps, config });
  const after = await states();
  expect(Object.values(after).sort()).toEqual(['active', 'next']);
  expect(before.filter((kid) => kid in after)).toEqual([]);
});

test('a session that ended before a restart stays refused after it', async () => {
  const { accessTokens } = studio.deps;
  const actor = await accessTokens.verify(owner.accessToken);
  await studio.deps.db.tx('system', (tx) =>
    sql`update session set revoked_at = now() - interval '1 minute'`.execute(tx),
  );
  expect((await studio.send(getMe, { token: owner.accessToken })).statusCode).toBe(200);
  const restarted = await openAccessTokens(studio.deps);
  const token = await restarted.sign(actor, owner.user);
  await expect(restarted.verify(token)).rejects.toMatchObject({ code: 'auth.token_invalid' });
});

const anySession = async () => {
  const row = await studio.deps.db.tx('system', (tx) =>
    tx.selectFrom('session').select('id').executeTakeFirstOrThrow(),
  );
  return row.id;
};

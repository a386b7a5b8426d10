import { getMe, login, logout, refresh, register, type Session } from '@studio/contracts';
import type { LightMyRequestResponse } from 'fastify';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goodPassword, startTestStudio, type TestStudio } from '../../../test/studio.ts';

const owner = { email: 'Owner@Example.org', password: goodPassword, name: 'Ada Owner' };

let studio: TestStudio;
beforeAll(async () => {
  studio = await startTestStudio();
});
afterAll(() => studio.stop());

const codeOf = (response: LightMyRequestResponse): unknown => response.json().error?.code;

const cookieOf = (response: LightMyRequestResponse): string => {
  const cookie = response.cookies.find(({ name }) => name === 'studio_refresh');
  return `studio_refresh=${cookie?.value ?? ''}`;
};

const refreshWith = (cookie: string) => studio.send(refresh, { headers: { cookie } });

const signIn = async (): Promise<{ session: Session; cookie: string }> => {
  const response = await studio.send(login, { body: { email: owner.email, password: owner.password } });
  expect(response.statusCode).toBe(200);
  return { session: response.json(), cookie: cookieOf(response) };
};

/** Moves the exchange of every used token into the past, so that the grace is over without waiting for it. */
const endGrace = () =>
  studio.deps.db.tx('system', (tx) =>
    sql`update refresh_token set used_at = used_at - interval '11 seconds' where used_at is not null`.execute(tx),
  );

const auditActions = async (): Promise<string[]> => {
  const rows = await studio.deps.db.tx('system', (tx) =>
    tx.selectFrom('audit_event').select('action').orderBy('seq').execute(),
  );
  return rows.map((row) => row.action);
};

test('of simultaneous first registrations exactly one becomes the owner, the others find it closed', async () => {
  const emails = ['Owner@Example.org', 'b@example.org', 'c@example.org', 'd@example.org'];
  const answers = await Promise.all(emails.map((email) => studio.send(register, { body: { ...owner, email } })));
  const created = answers.filter((answer) => answer.statusCode === 201);
  const refused = answers.filter((answer) => answer.statusCode === 403);
  expect([created.length, refused.length]).toEqual([1, 3]);
  expect(refused.map(codeOf)).toEqual(Array(3).fill('auth.registration_closed'));
  const users = await studio.deps.db.tx('system', (tx) => tx.selectFrom('user').select(['platform_role']).execute());
  expect(users).toEqual([{ platform_role: 'owner' }]);
  // Whoever won, the other tests know the owner by one address.
  await studio.deps.db.tx('system', (tx) => tx.updateTable('user').set({ email: 'owner@example.org' }).execute());
});

test('signing in gives an access token for the own team and an HttpOnly cookie for the auth routes alone', async () => {
  const response = await studio.send(login, { body: { email: ' OWNER@example.org'.trim(), password: goodPassword } });
  const session: Session = response.json();
  expect(session.user).toMatchObject({ email: 'owner@example.org', team: { name: 'Ada Owner', role: 'owner' } });
  expect(session.expiresInSeconds).toBe(900);
  expect(response.cookies).toMatchObject([
    { name: 'studio_refresh', httpOnly: true, sameSite: 'Strict', path: '/api/v1/auth', maxAge: 7 * 24 * 3600 },
  ]);
  expect(await studio.call(getMe, { token: session.accessToken })).toEqual(session.user);
});

test('a wrong password and an unknown address get the same answer', async () => {
  const answers = await Promise.all([
    studio.send(login, { body: { email: owner.email, password: 'not the right one' } }),
    studio.send(login, { body: { email: 'nobody@example.org', password: goodPassword } }),
  ]);
  const [wrong, unknown] = answers.map((answer) => ({ ...answer.json().error, requestId: '' }));
  expect(wrong).toEqual(unknown);
  expect(wrong.code).toBe('auth.wrong_credentials');
});

test('a refresh rotates the cookie, and both tokens work on', async () => {
  const { cookie } = await signIn();
  const first = await refreshWith(cookie);
  expect(first.statusCode).toBe(200);
  expect(cookieOf(first)).not.toBe(cookie);
  await endGrace();
  const second = await refreshWith(cookieOf(first));
  expect(second.statusCode).toBe(200);
  await studio.call(getMe, { token: second.json().accessToken });
});

test('five refreshes at once with one token all succeed', async () => {
  const { cookie } = await signIn();
  const answers = await Promise.all(Array.from({ length: 5 }, () => refreshWith(cookie)));
  expect(answers.map((answer) => answer.statusCode)).toEqual(Array(5).fill(200));
  // The browser keeps one of the cookies; whichever it is, it must work.
  const kept = answers[2];
  expect(kept && (await refreshWith(cookieOf(kept))).statusCode).toBe(200);
});

test('a token that was exchanged before the grace ends the whole session', async () => {
  const { session, cookie } = await signIn();
  const rotated = await refreshWith(cookie);
  await endGrace();
  expect(codeOf(await refreshWith(cookie))).toBe('auth.refresh_reused');
  expect(codeOf(await refreshWith(cookieOf(rotated)))).toBe('auth.refresh_invalid');
  expect(codeOf(await studio.send(getMe, { token: session.accessToken }))).toBe('auth.token_invalid');
  expect(await auditActions()).toContain('auth.refresh_reused');
});

test('of two branches of one token only one lives on', async () => {
  const { cookie } = await signIn();
  const [mine, stolen] = [await refreshWith(cookie), await refreshWith(cookie)];
  expect((await refreshWith(cookieOf(mine))).statusCode).toBe(200);
  await endGrace();
  expect(codeOf(await refreshWith(cookieOf(stolen)))).toBe('auth.refresh_reused');
});

test('refreshing does not move the end of the session', async () => {
  const { cookie } = await signIn();
  await studio.deps.db.tx('system', (tx) => sql`update session set expires_at = now() + interval '1 hour'`.execute(tx));
  const answer = await refreshWith(cookie);
  expect(answer.cookies[0]?.maxAge).toBeLessThanOrEqual(3600);
  await studio.deps.db.tx('system', (tx) => sql`update session set expires_at = now()`.execute(tx));
  expect(codeOf(await refreshWith(cookieOf(answer)))).toBe('auth.refresh_invalid');
});

test('logging out ends the session at once, clears the cookie and may be repeated', async () => {
  const { session, cookie } = await signIn();
  for (const _ of [1, 2]) {
    const answer = await studio.send(logout, { headers: { cookie } });
    expect(answer.statusCode).toBe(204);
    expect(answer.cookies).toMatchObject([{ name: 'studio_refresh', value: '' }]);
  }
  expect(codeOf(await refreshWith(cookie))).toBe('auth.refresh_invalid');
  expect(codeOf(await studio.send(getMe, { token: session.accessToken }))).toBe('auth.token_invalid');
});

test('a refresh without a cookie, or with one that nobody issued, is refused', async () => {
  expect(codeOf(await studio.send(refresh))).toBe('auth.refresh_invalid');
  expect(codeOf(await refreshWith('studio_refresh=guess'))).toBe('auth.refresh_invalid');
});

test.each([
  ['short', 'Ab1!xyz'],
  ['common', 'qwertyuiop'],
  ['common with decoration', 'Password2026!'],
  ['one letter', 'aaaaaaaaaaaaaa'],
  ['the own address', 'owner@example.org'],
])('a password that is %s is refused', async (_, password) => {
  const answer = await studio.send(register, { body: { ...owner, password } });
  expect(codeOf(answer)).toBe('auth.password_weak');
});

test('what happened to accounts is in the audit log, which cannot be changed', async () => {
  const actions = await auditActions();
  expect(actions.slice(0, 2)).toEqual(['auth.register', 'auth.login']);
  expect(actions).toContain('auth.logout');
  const change = studio.deps.db.tx('system', (tx) => sql`delete from audit_event`.execute(tx));
  await expect(change).rejects.toThrow('can only be appended to');
});

test('neither passwords nor refresh tokens can be read from the database', async () => {
  const { cookie } = await signIn();
  const dump = await studio.deps.db.tx('system', async (tx) => [
    ...(await tx.selectFrom('credential').selectAll().execute()).map((row) => row.password_hash),
    ...(await tx.selectFrom('refresh_token').selectAll().execute()).map((row) => row.hash.toString()),
  ]);
  expect(dump.some((text) => text.includes(goodPassword) || text.includes(cookie.split('=')[1] ?? '-'))).toBe(false);
  expect(dump[0]).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
});

import { getHealth, getMe, getReadiness, getStudio, register } from '@studio/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onServer } from '../../../test/database.ts';
import { goodPassword, startTestStudio, type TestStudio } from '../../../test/studio.ts';

let studio: TestStudio;
beforeAll(async () => {
  studio = await startTestStudio({
    STUDIO_PRODUCT_NAME: 'Acme',
    STUDIO_LOGO_URL: '/acme.svg',
    STUDIO_REGISTRATION: 'open',
  });
});
afterAll(() => studio.stop());

const newcomer = { email: 'new@example.org', password: goodPassword, name: 'Newcomer' };

test('a new installation says that it has no owner and whose it is', async () => {
  expect(await studio.call(getStudio)).toEqual({
    productName: 'Acme',
    logoUrl: '/acme.svg',
    version: '0.1.0',
    hasOwner: false,
    isRegistrationOpen: true,
  });
});

test('with open registration the owner comes first, others follow in teams of their own', async () => {
  const owner = await studio.registerOwner();
  expect(await studio.call(getStudio)).toMatchObject({ hasOwner: true, isRegistrationOpen: true });
  const other = await studio.call(register, { body: newcomer });
  expect(other.user.team.id).not.toBe(owner.user.team.id);
  const again = await studio.send(register, { body: { ...newcomer, email: 'NEW@example.org' } });
  expect([again.statusCode, again.json().error.code]).toEqual([409, 'auth.email_taken']);
  const roles = await studio.deps.db.tx('system', (tx) =>
    tx.selectFrom('user').select('platform_role').orderBy('created_at').execute(),
  );
  expect(roles.map((row) => row.platform_role)).toEqual(['owner', 'user']);
});

test('it is alive, and ready while its database answers', async () => {
  expect(await studio.call(getHealth)).toEqual({ status: 'ok', checks: {} });
  expect(await studio.call(getReadiness)).toEqual({ status: 'ok', checks: { database: true } });
});

test('without its database it is alive but not ready, and every answer says so', async () => {
  const cut = await startTestStudio();
  const owner = await cut.registerOwner();
  await onServer((client) => client.query(`drop database ${new URL(cut.databaseUrl).pathname.slice(1)} with (force)`));
  expect((await cut.send(getHealth)).statusCode).toBe(200);
  for (const endpoint of [getReadiness, getStudio, getMe]) {
    const answer = await cut.send(endpoint, { token: owner.accessToken });
    expect([endpoint.id, answer.statusCode, answer.json().error.code]).toEqual([
      endpoint.id,
      503,
      'server.unavailable',
    ]);
  }
  await cut.stop();
});

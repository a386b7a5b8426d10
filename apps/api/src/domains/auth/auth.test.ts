import { getMe, register } from '@studio/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goodPassword, startTestStudio, type TestStudio } from '../../../test/studio.ts';

let studio: TestStudio;
beforeAll(async () => {
  studio = await startTestStudio();
});
afterAll(() => studio.stop());

test('of two simultaneous first registrations exactly one becomes the owner', async () => {
  const register_ = (email: string) =>
    studio.send(register, { body: { email, password: goodPassword, name: 'First' } });
  const answers = await Promise.all([register_('a@example.org'), register_('b@example.org')]);
  expect(answers.map((answer) => answer.statusCode).sort()).toEqual([201, 403]);
  const winner = answers.find((answer) => answer.statusCode === 201);
  const me = await studio.call(getMe, { token: winner?.json().accessToken });
  expect(me.team.role).toBe('owner');
});

import { roleSchema } from '@studio/contracts';
import { expect, test } from 'vitest';
import { isAllowed, type Permission } from './permissions.ts';

/** One column per role: owner, admin, member, viewer. */
const truth: Record<Permission, string> = {
  'account:read': 'yes yes yes yes',
  'job:read': 'yes yes yes yes',
  'job:create': 'yes yes yes no',
  'job:cancel': 'yes yes yes no',
  'asset:read': 'yes yes yes yes',
  'asset:delete': 'yes yes yes no',
  'model:read': 'yes yes yes yes',
};

test('who may do what', () => {
  const roles = ['owner', 'admin', 'member', 'viewer'] as const;
  expect(roleSchema.options).toEqual(roles);
  for (const permission of [
    'account:read',
    'job:read',
    'job:create',
    'job:cancel',
    'asset:read',
    'asset:delete',
    'model:read',
  ] as const) {
    const answers = roles.map((role) => (isAllowed(role, permission) ? 'yes' : 'no')).join(' ');
    expect([permission, answers]).toEqual([permission, truth[permission]]);
  }
});

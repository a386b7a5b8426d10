import type { Role } from '@studio/contracts';

const readers: readonly Role[] = ['owner', 'admin', 'member', 'viewer'];
const makers: readonly Role[] = ['owner', 'admin', 'member'];

/** Which roles of a team may do what. Rules that look at one resource live in its domain's policy.ts. */
const rolesByPermission = {
  'account:read': readers,
  'job:read': readers,
  'job:create': makers,
  'job:cancel': makers,
  'asset:read': readers,
  'asset:delete': makers,
  'model:read': readers,
} as const;

export type Permission = keyof typeof rolesByPermission;

export const isAllowed = (role: Role, permission: Permission): boolean => rolesByPermission[permission].includes(role);

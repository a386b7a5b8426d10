import type { User } from '@studio/contracts';
import type { UserRow } from '../users/index.ts';
import type { Membership } from './queries.ts';

export const presentUser = (user: UserRow, team: Membership): User => ({
  id: user.id,
  email: user.email,
  name: user.name,
  createdAt: user.created_at.toISOString(),
  team: { id: team.id, name: team.name, role: team.role },
});

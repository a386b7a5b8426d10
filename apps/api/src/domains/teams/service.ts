import type { User } from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import type { Actor } from '../../platform/actor.ts';
import { AppError } from '../../platform/app-error.ts';
import type { Tx } from '../../platform/db.ts';
import { newId } from '../../platform/ids.ts';
import { findUser, type UserRow } from '../users/index.ts';
import { presentUser } from './present.ts';
import { findMembership, insertMember, insertTeam, type Membership } from './queries.ts';

/** The user behind a token, in the team they work in. Throws `user.not_found` once either is gone. */
export const getMe = (deps: Pick<Deps, 'db'>, actor: Actor): Promise<User> =>
  deps.db.tx('system', async (tx) => {
    const user = await findUser(tx, actor.userId);
    const membership = await findMembership(tx, actor.teamId, actor.userId);
    if (!user || !membership) throw new AppError('user.not_found');
    return presentUser(user, membership);
  });

/** Every user has a team of their own, so that each row of the product has a team from the first day. */
export const createPersonalTeam = async (tx: Tx, user: UserRow): Promise<Membership> => {
  const team = { id: newId('team'), name: user.name };
  await insertTeam(tx, team);
  await insertMember(tx, { team_id: team.id, user_id: user.id, role: 'owner' });
  return { ...team, role: 'owner' };
};

import type { Role, TeamId, UserId } from '@studio/contracts';
import type { Tx } from '../../platform/db.ts';
import './tables.ts';

/** A team as one of its members sees it. */
export interface Membership {
  readonly id: TeamId;
  readonly name: string;
  readonly role: Role;
}

export const insertTeam = async (tx: Tx, team: { id: TeamId; name: string }): Promise<void> => {
  await tx.insertInto('team').values(team).execute();
};

export const insertMember = async (tx: Tx, member: { team_id: TeamId; user_id: UserId; role: Role }): Promise<void> => {
  await tx.insertInto('team_member').values(member).execute();
};

export const findMembership = async (tx: Tx, teamId: TeamId, userId: UserId): Promise<Membership | null> =>
  (await selectMemberships(tx, userId).where('team.id', '=', teamId).executeTakeFirst()) ?? null;

/** The team a user works in after signing in: the one they joined first, which is their own. */
export const findFirstMembership = async (tx: Tx, userId: UserId): Promise<Membership | null> =>
  (await selectMemberships(tx, userId)
    .orderBy('team_member.created_at')
    .orderBy('team.id')
    .limit(1)
    .executeTakeFirst()) ?? null;

const selectMemberships = (tx: Tx, userId: UserId) =>
  tx
    .selectFrom('team_member')
    .innerJoin('team', 'team.id', 'team_member.team_id')
    .select(['team.id', 'team.name', 'team_member.role'])
    .where('team_member.user_id', '=', userId);

import { createHash, randomBytes } from 'node:crypto';
import type { Session, SessionId } from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import { accessTokenSeconds } from '../../platform/access-tokens.ts';
import type { Tx } from '../../platform/db.ts';
import { newId } from '../../platform/ids.ts';
import { type Membership, presentUser } from '../teams/index.ts';
import type { UserRow } from '../users/index.ts';
import { insertRefreshToken, insertSession } from './queries.ts';

/** However often it is refreshed, a session ends seven days after the sign-in. */
export const sessionLifetimeSeconds = 7 * 24 * 3600;

/** Where a sign-in came from, for the list of sessions and the audit log. */
export interface Visitor {
  readonly userAgent: string;
  readonly address: string;
}

/** What a sign-in gives: the answer, and the secret for the cookie. */
export interface SignedIn {
  readonly session: Session;
  readonly refreshToken: string;
  readonly expiresInSeconds: number;
}

interface Member {
  readonly user: UserRow;
  readonly membership: Membership;
}

export const hashRefreshToken = (token: string): Buffer => createHash('sha256').update(token).digest();

/** Adds a token to a session's family; only its hash is kept. */
export const issueRefreshToken = async (tx: Tx, sessionId: SessionId, parent: Buffer | null): Promise<string> => {
  const token = randomBytes(32).toString('base64url');
  await insertRefreshToken(tx, { hash: hashRefreshToken(token), session_id: sessionId, parent });
  return token;
};

export const presentSession = async (
  { accessTokens }: Pick<Deps, 'accessTokens'>,
  { user, membership }: Member,
  sessionId: SessionId,
): Promise<Session> => ({
  user: presentUser(user, membership),
  accessToken: await accessTokens.sign(
    { userId: user.id, teamId: membership.id, role: membership.role, sessionId },
    { email: user.email, name: user.name },
  ),
  expiresInSeconds: accessTokenSeconds,
});

export const startSession = async (
  deps: Pick<Deps, 'accessTokens'>,
  tx: Tx,
  { member, visitor }: { member: Member; visitor: Visitor },
): Promise<SignedIn> => {
  const id = newId('ses');
  await insertSession(tx, {
    id,
    userId: member.user.id,
    teamId: member.membership.id,
    userAgent: visitor.userAgent.slice(0, 300),
    address: visitor.address,
    lifetimeSeconds: sessionLifetimeSeconds,
  });
  return {
    refreshToken: await issueRefreshToken(tx, id, null),
    session: await presentSession(deps, member, id),
    expiresInSeconds: sessionLifetimeSeconds,
  };
};

import type { EndpointInput, login as loginEndpoint, register as registerEndpoint } from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import { type AccessTokens, accessTokenSeconds, createAccessTokens } from '../../platform/access-tokens.ts';
import { AppError } from '../../platform/app-error.ts';
import type { Tx } from '../../platform/db.ts';
import { newId } from '../../platform/ids.ts';
import { recordAudit } from '../audit/index.ts';
import { createPersonalTeam, findFirstMembership, findMembership } from '../teams/index.ts';
import {
  findUser,
  findUserByEmail,
  hasOwner,
  insertUser,
  lockFirstRegistration,
  type UserRow,
} from '../users/index.ts';
import { hashPassword, isPasswordRight } from './password.ts';
import { checkPassword } from './password-policy.ts';
import {
  endSession,
  findPasswordHash,
  insertCredential,
  type LockedRefreshToken,
  listEndedSessions,
  lockRefreshToken,
  useRefreshToken,
} from './queries.ts';
import {
  hashRefreshToken,
  issueRefreshToken,
  presentSession,
  type SignedIn,
  startSession,
  type Visitor,
} from './sessions.ts';
import { loadKeyRing } from './signing-keys.ts';

type Registration = EndpointInput<typeof registerEndpoint>['body'];
type Credentials = EndpointInput<typeof loginEndpoint>['body'];

/** Two tabs, or a reload that lost the answer, may send one token twice within this time. */
const refreshGraceSeconds = 10;

/** Loads the signing keys and the sessions whose tokens must be refused. Runs once, at start. */
export const openAccessTokens = async (deps: Pick<Deps, 'db' | 'config' | 'log'>): Promise<AccessTokens> => {
  const keyRing = await loadKeyRing(deps);
  const ended = await deps.db.tx('system', (tx) => listEndedSessions(tx, accessTokenSeconds));
  return createAccessTokens(keyRing, ended);
};

/** The first account becomes the installation's owner; later ones only while registration is open. */
export const register = async (
  deps: Pick<Deps, 'db' | 'config' | 'accessTokens'>,
  input: Registration,
  visitor: Visitor,
): Promise<SignedIn> => {
  await checkPassword(input.password, [input.email, input.name]);
  const passwordHash = await hashPassword(input.password);
  return deps.db.tx('system', async (tx) => {
    const user = await createUser(deps, tx, input);
    await insertCredential(tx, user.id, passwordHash);
    const membership = await createPersonalTeam(tx, user);
    await recordAudit(tx, {
      action: 'auth.register',
      teamId: membership.id,
      userId: user.id,
      address: visitor.address,
      details: { platformRole: user.platform_role },
    });
    return startSession(deps, tx, { member: { user, membership }, visitor });
  });
};

const createUser = async (deps: Pick<Deps, 'config'>, tx: Tx, input: Registration): Promise<UserRow> => {
  await lockFirstRegistration(tx);
  const isFirst = !(await hasOwner(tx));
  if (!isFirst && deps.config.registration === 'closed') throw new AppError('auth.registration_closed');
  if (await findUserByEmail(tx, input.email)) throw new AppError('auth.email_taken');
  return insertUser(tx, {
    id: newId('usr'),
    email: input.email,
    name: input.name,
    platform_role: isFirst ? 'owner' : 'user',
  });
};

/** Throws `auth.wrong_credentials`, without telling whether the address or the password was wrong. */
export const login = async (
  deps: Pick<Deps, 'db' | 'accessTokens'>,
  { email, password }: Credentials,
  visitor: Visitor,
): Promise<SignedIn> => {
  const found = await deps.db.tx('system', async (tx) => {
    const user = await findUserByEmail(tx, email);
    return user && { user, passwordHash: await findPasswordHash(tx, user.id) };
  });
  // Outside any transaction: hashing takes tens of milliseconds and must not hold a connection.
  const isRight = await isPasswordRight(found?.passwordHash ?? null, password);
  return deps.db.tx('system', async (tx) => {
    const membership = found && isRight ? await findFirstMembership(tx, found.user.id) : null;
    if (!found || !membership) throw new AppError('auth.wrong_credentials');
    await recordAudit(tx, {
      action: 'auth.login',
      teamId: membership.id,
      userId: found.user.id,
      address: visitor.address,
    });
    return startSession(deps, tx, { member: { user: found.user, membership }, visitor });
  });
};

/**
 * Exchanges a refresh token. A token that was exchanged more than ten seconds ago is either stolen or was
 * used by a thief before: the whole session ends (RFC 9700, 4.14).
 */
export const refresh = async (
  deps: Pick<Deps, 'db' | 'accessTokens'>,
  token: string,
  visitor: Visitor,
): Promise<SignedIn> => {
  const hash = hashRefreshToken(token);
  const outcome = await deps.db.tx('system', async (tx, onCommit) => {
    const found = await lockRefreshToken(tx, hash);
    if (!found?.isSessionLive) return 'invalid';
    if (found.usedSecondsAgo !== null && found.usedSecondsAgo > refreshGraceSeconds) {
      await endSession(tx, found.sessionId, 'refresh_reused');
      await recordAudit(tx, {
        action: 'auth.refresh_reused',
        teamId: found.teamId,
        userId: found.userId,
        subjectId: found.sessionId,
        address: visitor.address,
      });
      onCommit(() => deps.accessTokens.revoke(found.sessionId));
      return 'reused';
    }
    return rotate(deps, tx, { hash, found });
  });
  // Thrown outside: the end of a reused session must commit.
  if (outcome === 'invalid') throw new AppError('auth.refresh_invalid');
  if (outcome === 'reused') throw new AppError('auth.refresh_reused');
  return outcome;
};

const rotate = async (
  deps: Pick<Deps, 'accessTokens'>,
  tx: Tx,
  { hash, found }: { hash: Buffer; found: LockedRefreshToken },
): Promise<SignedIn | 'invalid'> => {
  const user = await findUser(tx, found.userId);
  const membership = await findMembership(tx, found.teamId, found.userId);
  if (!user || !membership) return 'invalid';
  await useRefreshToken(tx, hash, found.parent);
  return {
    refreshToken: await issueRefreshToken(tx, found.sessionId, hash),
    session: await presentSession(deps, { user, membership }, found.sessionId),
    expiresInSeconds: Math.floor(found.expiresInSeconds),
  };
};

/** Ends the session of a refresh token; an unknown or ended one is already logged out. */
export const logout = async (
  deps: Pick<Deps, 'db' | 'accessTokens'>,
  token: string,
  visitor: Visitor,
): Promise<void> => {
  await deps.db.tx('system', async (tx, onCommit) => {
    const found = await lockRefreshToken(tx, hashRefreshToken(token));
    if (!found || !(await endSession(tx, found.sessionId, 'logout'))) return;
    await recordAudit(tx, {
      action: 'auth.logout',
      teamId: found.teamId,
      userId: found.userId,
      subjectId: found.sessionId,
      address: visitor.address,
    });
    onCommit(() => deps.accessTokens.revoke(found.sessionId));
  });
};

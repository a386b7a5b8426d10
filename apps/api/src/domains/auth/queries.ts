import type { SessionId, TeamId, UserId } from '@studio/contracts';
import { type Selectable, sql } from 'kysely';
import type { Database, Tx } from '../../platform/db.ts';
import './tables.ts';

const now = sql<Date>`now()`;

export const insertCredential = async (tx: Tx, userId: UserId, passwordHash: string): Promise<void> => {
  await tx.insertInto('credential').values({ user_id: userId, password_hash: passwordHash }).execute();
};

export const findPasswordHash = async (tx: Tx, userId: UserId): Promise<string | null> => {
  const row = await tx
    .selectFrom('credential')
    .select('password_hash')
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return row?.password_hash ?? null;
};

interface NewSession {
  readonly id: SessionId;
  readonly userId: UserId;
  readonly teamId: TeamId;
  readonly userAgent: string;
  readonly address: string;
  readonly lifetimeSeconds: number;
}

export const insertSession = async (tx: Tx, session: NewSession): Promise<void> => {
  await tx
    .insertInto('session')
    .values({
      id: session.id,
      user_id: session.userId,
      team_id: session.teamId,
      user_agent: session.userAgent,
      address: session.address,
      expires_at: sql<Date>`now() + make_interval(secs => ${session.lifetimeSeconds})`,
    })
    .execute();
};

/** False when the session had already ended. */
export const endSession = async (tx: Tx, id: SessionId, reason: string): Promise<boolean> => {
  const result = await tx
    .updateTable('session')
    .set({ revoked_at: now, revoke_reason: reason })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
};

/** Sessions ended so recently that an access token of theirs may still be alive. */
export const listEndedSessions = async (tx: Tx, withinSeconds: number): Promise<SessionId[]> => {
  const rows = await tx
    .selectFrom('session')
    .select('id')
    .where('revoked_at', '>', sql<Date>`now() - make_interval(secs => ${withinSeconds})`)
    .execute();
  return rows.map((row) => row.id);
};

export const insertRefreshToken = async (
  tx: Tx,
  token: { hash: Buffer; session_id: SessionId; parent: Buffer | null },
): Promise<void> => {
  await tx.insertInto('refresh_token').values(token).execute();
};

export interface LockedRefreshToken {
  readonly sessionId: SessionId;
  readonly userId: UserId;
  readonly teamId: TeamId;
  readonly parent: Buffer | null;
  readonly isSessionLive: boolean;
  /** Null: never exchanged. */
  readonly usedSecondsAgo: number | null;
  readonly expiresInSeconds: number;
}

/** Finds a token and locks its session, so that exchanges within one session happen one after another. */
export const lockRefreshToken = async (tx: Tx, hash: Buffer): Promise<LockedRefreshToken | null> => {
  const { rows } = await sql<LockedRefreshToken>`
    with locked as materialized (
      select session.id, session.user_id, session.team_id, session.expires_at, session.revoked_at
      from session
      where session.id = (select session_id from refresh_token where hash = ${hash})
      for update
    )
    select locked.id as "sessionId", locked.user_id as "userId", locked.team_id as "teamId",
           locked.revoked_at is null and locked.expires_at > now() as "isSessionLive",
           extract(epoch from locked.expires_at - now())::float8 as "expiresInSeconds"
    from locked`.execute(tx);
  const session = rows[0];
  if (!session) return null;
  // Read after the lock is held: the exchange we waited for may have used the token.
  const token = await tx
    .selectFrom('refresh_token')
    .select([
      'parent',
      sql<number | null>`extract(epoch from clock_timestamp() - used_at)::float8`.as('usedSecondsAgo'),
    ])
    .where('hash', '=', hash)
    .executeTakeFirst();
  return token ? { ...session, ...token } : null;
};

/** Marks a token as exchanged, and with it every unused sibling: only one branch of a family may live on. */
export const useRefreshToken = async (tx: Tx, hash: Buffer, parent: Buffer | null): Promise<void> => {
  await tx
    .updateTable('refresh_token')
    .set({ used_at: sql<Date>`clock_timestamp()` })
    .where('used_at', 'is', null)
    .where(({ eb, or }) => or([eb('hash', '=', hash), ...(parent ? [eb('parent', '=', parent)] : [])]))
    .execute();
};

export type SigningKeyRow = Pick<Selectable<Database['signing_key']>, 'kid' | 'state' | 'private_key'> & {
  readonly public_jwk: unknown;
  readonly age_seconds: number;
};

/** All keys, under a lock that keeps two starting processes from both making some. */
export const lockSigningKeys = async (tx: Tx): Promise<SigningKeyRow[]> => {
  await sql`select pg_advisory_xact_lock(hashtextextended('signing keys', 0))`.execute(tx);
  const { rows } = await sql<SigningKeyRow>`
    select kid, state, public_jwk, private_key, extract(epoch from now() - changed_at)::float8 as age_seconds
    from signing_key order by created_at`.execute(tx);
  return rows;
};

export const insertSigningKey = async (
  tx: Tx,
  key: { kid: string; state: 'next' | 'active'; public_jwk: string; private_key: Buffer },
): Promise<void> => {
  await tx.insertInto('signing_key').values(key).execute();
};

export const setSigningKeyState = async (tx: Tx, kid: string, state: SigningKeyRow['state']): Promise<void> => {
  await tx.updateTable('signing_key').set({ state, changed_at: now }).where('kid', '=', kid).execute();
};

export const deleteSigningKeys = async (tx: Tx, kids: readonly string[]): Promise<void> => {
  if (kids.length === 0) return;
  await tx.deleteFrom('signing_key').where('kid', 'in', kids).execute();
};

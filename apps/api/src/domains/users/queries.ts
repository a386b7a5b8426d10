import type { UserId } from '@studio/contracts';
import { type Selectable, sql } from 'kysely';
import type { Database, Tx } from '../../platform/db.ts';
import './tables.ts';

export type UserRow = Selectable<Database['user']>;
const columns = ['id', 'email', 'name', 'platform_role', 'created_at'] as const;

export const insertUser = (tx: Tx, user: Omit<UserRow, 'created_at'>): Promise<UserRow> =>
  tx.insertInto('user').values(user).returning(columns).executeTakeFirstOrThrow();

export const findUser = async (tx: Tx, id: UserId): Promise<UserRow | null> =>
  (await tx.selectFrom('user').select(columns).where('id', '=', id).executeTakeFirst()) ?? null;

export const findUserByEmail = async (tx: Tx, email: string): Promise<UserRow | null> =>
  (await tx.selectFrom('user').select(columns).where('email', '=', email).executeTakeFirst()) ?? null;

export const hasOwner = async (tx: Tx): Promise<boolean> => {
  const row = await tx.selectFrom('user').select('id').where('platform_role', '=', 'owner').limit(1).executeTakeFirst();
  return row !== undefined;
};

/** Makes first registrations wait for each other until this transaction ends, so that only one becomes owner. */
export const lockFirstRegistration = async (tx: Tx): Promise<void> => {
  await sql`select pg_advisory_xact_lock(hashtextextended('first registration', 0))`.execute(tx);
};

import type { TeamId } from '@studio/contracts';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { retryOnConflict } from './retry.ts';

/**
 * Every table by name. Each domain adds its own in its `tables.ts` by declaration merging, so that this
 * file knows no domain and a new domain touches only its own folder.
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging
export interface Database {}

/** Statements of one open transaction. Queries take it as their first argument. */
export type Tx = Kysely<Database>;

/** Whose rows a transaction can see: those of one team, or all of them (engine calls, reaper, sign-in). */
export type Scope = { readonly teamId: TeamId } | 'system';

/** Runs `effect` once the transaction is durable; never when it rolls back. For events and wake-ups. */
export type OnCommit = (effect: () => void) => void;

export interface Db {
  /** Runs `work` in one transaction under row-level security. `work` may run again after a deadlock. */
  tx<T>(scope: Scope, work: (tx: Tx, onCommit: OnCommit) => Promise<T>): Promise<T>;
  /** True when the database answers. */
  ping(): Promise<boolean>;
  close(): Promise<void>;
}

export interface DbOptions {
  readonly url: string;
  readonly poolSize: number;
  readonly statementTimeoutMs: number;
  /** Called when an idle connection breaks; the pool replaces it by itself. */
  readonly onIdleError: (error: Error) => void;
}

const int8Oid = 20;

/** bigint columns here are sizes and sequence numbers, all below 2^53: read them as numbers. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === int8Oid ? (text: string) => Number(text) : pg.types.getTypeParser(oid, format),
};

/** BEGIN and the scope travel as one simple-protocol message: one round trip. */
const beginStatement = (scope: Scope): string => {
  const [name, value] = scope === 'system' ? ['studio.scope', 'system'] : ['studio.team_id', scope.teamId];
  return `begin; set local ${name} = ${pg.escapeLiteral(value)}`;
};

/** A PostgreSQL pool whose every statement runs inside a scoped transaction. */
export const openDb = (options: DbOptions): Db => {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize,
    // Statements are sent without waiting for the answers before them, so independent ones share a round trip.
    pipeline: true,
    types,
    statement_timeout: options.statementTimeoutMs,
    idle_in_transaction_session_timeout: 2 * options.statementTimeoutMs,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
  });
  pool.on('error', options.onIdleError);
  const kysely = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });

  const runOnce = <T>(scope: Scope, work: (tx: Tx, onCommit: OnCommit) => Promise<T>) =>
    kysely.connection().execute(async (tx) => {
      const effects: (() => void)[] = [];
      // Not awaited: the first statement of `work` travels with it. Should BEGIN ever fail, that statement
      // has no scope, sees no row and may write none.
      const begun = sql.raw(beginStatement(scope)).execute(tx);
      begun.catch(() => undefined);
      try {
        const result = await work(tx, (effect) => effects.push(effect));
        await begun;
        await commit(tx);
        return { result, effects };
      } catch (error) {
        // A broken connection rolls back by itself, and the first error is the one worth reporting.
        await sql
          .raw('rollback')
          .execute(tx)
          .catch(() => undefined);
        throw error;
      }
    });

  return {
    tx: async (scope, work) => {
      const { result, effects } = await retryOnConflict(() => runOnce(scope, work));
      for (const effect of effects) effect();
      return result;
    },
    ping: async () => {
      try {
        await sql.raw('select 1').execute(kysely);
        return true;
      } catch {
        return false;
      }
    },
    close: () => kysely.destroy(),
  };
};

/** PostgreSQL answers COMMIT with ROLLBACK when a swallowed error had aborted the transaction. */
const commit = async (tx: Tx): Promise<void> => {
  const { rows } = await sql.raw<{ command: string }>('commit').execute(tx);
  if (rows[0]?.command === 'ROLLBACK') throw new Error('The transaction had failed before COMMIT and was rolled back.');
};

/**
 * A `Db` that joins an open transaction of `teamId`: work of that team commits or rolls back with it.
 * Another scope is refused, because it would see other rows.
 */
export const joinTransaction = (outer: Db, open: { tx: Tx; onCommit: OnCommit; teamId: TeamId }): Db => ({
  ...outer,
  tx: async (scope, work) => {
    if (scope === 'system' || scope.teamId !== open.teamId) {
      throw new Error('A joined transaction can only serve the team that opened it.');
    }
    return work(open.tx, open.onCommit);
  },
});

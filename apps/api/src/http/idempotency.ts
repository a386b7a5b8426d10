import { createHash } from 'node:crypto';
import type { Endpoint, EndpointInput, TeamId } from '@studio/contracts';
import type { FastifyRequest } from 'fastify';
import { type Generated, sql } from 'kysely';
import { z } from 'zod';
import type { Deps } from '../deps.ts';
import type { Actor } from '../platform/actor.ts';
import { AppError } from '../platform/app-error.ts';
import { joinTransaction, type Tx } from '../platform/db.ts';

declare module '../platform/db.ts' {
  interface Database {
    idempotency_key: {
      team_id: TeamId;
      key: string;
      endpoint: string;
      request_hash: Buffer;
      response: unknown;
      expires_at: Generated<Date>;
    };
  }
}

const keySchema = z
  .string()
  .regex(/^[\x21-\x7e]{1,200}$/, 'Use 1 to 200 visible ASCII characters without spaces.')
  .optional();

interface Once {
  readonly endpoint: Endpoint;
  readonly deps: Deps;
  readonly actor: Actor;
  readonly request: FastifyRequest;
  readonly input: EndpointInput<Endpoint>;
  readonly answer: (deps: Deps) => Promise<unknown>;
}

const readKey = (request: FastifyRequest): string | undefined => {
  const result = keySchema.safeParse(request.headers['idempotency-key']);
  if (result.success) return result.data;
  const message = 'Use 1 to 200 visible ASCII characters without spaces.';
  throw new AppError('request.invalid', { details: { fields: [{ path: 'Idempotency-Key', message }] } });
};

const hashRequest = ({ endpoint, input }: Once): Buffer =>
  createHash('sha256')
    .update(JSON.stringify([endpoint.id, input]))
    .digest();

/**
 * Runs `answer` at most once per team and key within 24 hours. The work and the stored answer commit in
 * one transaction, so a crash leaves both or neither; a failed request stores nothing and may be repeated.
 */
export const answerOnce = async (once: Once): Promise<unknown> => {
  const { deps, actor } = once;
  const key = readKey(once.request);
  if (key === undefined) return once.answer(deps);
  const requestHash = hashRequest(once);
  const { teamId } = actor;
  return deps.db.tx({ teamId }, async (tx, onCommit) => {
    const { isFree, stored } = await lockKey(tx, teamId, key);
    if (stored) {
      if (!stored.request_hash.equals(requestHash)) throw new AppError('idempotency.mismatch');
      return stored.response;
    }
    if (!isFree) throw new AppError('idempotency.in_progress');
    const response = await once.answer({ ...deps, db: joinTransaction(deps.db, { tx, onCommit, teamId }) });
    const isStored = await storeAnswer(tx, {
      team_id: teamId,
      key,
      endpoint: once.endpoint.id,
      request_hash: requestHash,
      response: JSON.stringify(response),
    });
    // A twin committed between our snapshot and our lock: undo this run, the repeat will read its answer.
    if (!isStored) throw new AppError('idempotency.in_progress');
    return response;
  });
};

/** Takes the key for this transaction, without waiting, and reads the answer that an earlier request stored. */
const lockKey = async (tx: Tx, teamId: TeamId, key: string) => {
  const { rows } = await sql<{ is_free: boolean; request_hash: Buffer | null; response: unknown }>`
    select pg_try_advisory_xact_lock(hashtextextended(${`idempotency ${teamId} ${key}`}, 0)) as is_free,
           stored.request_hash, stored.response
    from (values (1)) as one
    left join idempotency_key stored
      on stored.team_id = ${teamId} and stored.key = ${key} and stored.expires_at > now()`.execute(tx);
  const row = rows[0];
  const stored = row?.request_hash ? { request_hash: row.request_hash, response: row.response } : null;
  return { isFree: row?.is_free ?? false, stored };
};

interface StoredAnswer {
  readonly team_id: TeamId;
  readonly key: string;
  readonly endpoint: string;
  readonly request_hash: Buffer;
  readonly response: string;
}

/** Replaces an expired answer; false when a live one is there. */
const storeAnswer = async (tx: Tx, answer: StoredAnswer): Promise<boolean> => {
  const result = await tx
    .insertInto('idempotency_key')
    .values(answer)
    .onConflict((conflict) =>
      conflict
        .columns(['team_id', 'key'])
        .doUpdateSet({
          endpoint: answer.endpoint,
          request_hash: answer.request_hash,
          response: answer.response,
          expires_at: sql`default`,
        })
        .where('idempotency_key.expires_at', '<=', sql<Date>`now()`),
    )
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
};

/** For the worker: drops answers past their 24 hours. */
export const deleteExpiredAnswers = async (deps: Pick<Deps, 'db'>): Promise<void> => {
  await deps.db.tx('system', (tx) =>
    tx.deleteFrom('idempotency_key').where('expires_at', '<=', sql<Date>`now()`).execute(),
  );
};

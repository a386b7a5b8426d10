import type { EngineId, JobId, ModelKind, TeamId } from '@studio/contracts';
import { sql } from 'kysely';
import { createTestDatabase } from '../../../test/database.ts';
import { type Db, openDb, type Tx } from '../../platform/db.ts';
import { newId } from '../../platform/ids.ts';
import { claimJob, emptyEnd, endAttempt, promoteRetries, reapJobs } from './lease-queries.ts';
import { cancelJob, enqueueJob } from './queries.ts';

export interface TeamSettings {
  readonly weight?: number;
  readonly maxRunning?: number;
}

interface Wanted {
  readonly model?: string;
  readonly cost?: number;
}

export type Claimed = NonNullable<Awaited<ReturnType<typeof claimJob>>>;

/** The queue on a database of its own, with one engine that has every model, and no HTTP. */
export const openTestQueue = async (poolSize = 8) => {
  const database = await createTestDatabase();
  // Thousands of commits, none of which has to survive a power cut.
  const url = new URL(database.url);
  url.searchParams.set('options', '-c synchronous_commit=off');
  const db = openDb({ url: url.href, poolSize, statementTimeoutMs: 10_000, onIdleError: () => undefined });
  const engineId = newId('eng');
  await db.tx('system', async (tx) => {
    await sql`insert into node_catalogue (sha256, catalogue) values ('none', '{}')`.execute(tx);
    await sql`insert into engine (id, name, version, device, dtype, memory_bytes, queues, slots, catalogue_sha256)
      values (${engineId}, 'test', '1', 'cpu', 'float32', 1, '{default}', 1, 'none')`.execute(tx);
  });
  const inQueue = (queue: string) => operations({ db, engineId, queue });
  return { db, engineId, inQueue, ...inQueue('default'), close: () => closeAll(db, database.drop) };
};

export type TestQueue = Awaited<ReturnType<typeof openTestQueue>>;

const closeAll = async (db: Db, drop: () => Promise<void>): Promise<void> => {
  await db.close();
  await drop();
};

interface Scope {
  readonly db: Db;
  readonly engineId: EngineId;
  readonly queue: string;
}

const enqueueOne = async (
  tx: Tx,
  { teamId, queue, model = '', cost = 1 }: Wanted & { teamId: TeamId; queue: string },
): Promise<JobId> => {
  const id = newId('job');
  const userId = newId('usr');
  const entered = await enqueueJob(tx, {
    id,
    teamId,
    userId,
    kind: 'graph',
    queue,
    model,
    cost,
    graph: {},
    params: null,
    nodeErrors: {},
  });
  if (!entered) throw new Error('The team has too many jobs waiting.');
  return id;
};

const operations = ({ db, engineId, queue }: Scope) => ({
  addModels: (names: readonly string[], kind: ModelKind = 'checkpoint') =>
    db.tx('system', async (tx) => {
      for (const name of names) {
        const modelId = newId('mdl');
        await sql`insert into model (id, kind, name, title, sha256, size_bytes)
          values (${modelId}, ${kind}, ${name}, ${name}, 'x', 1)`.execute(tx);
        await sql`insert into engine_model (engine_id, kind, name, model_id)
          values (${engineId}, ${kind}, ${name}, ${modelId})`.execute(tx);
      }
    }),
  addTeam: async ({ weight = 1, maxRunning = 64 }: TeamSettings = {}): Promise<TeamId> => {
    const teamId = newId('team');
    await db.tx('system', async (tx) => {
      await sql`insert into team (id, name) values (${teamId}, 'team')`.execute(tx);
      await sql`insert into team_queue (team_id, weight, max_running, max_queued)
        values (${teamId}, ${weight}, ${maxRunning}, 100000)`.execute(tx);
    });
    return teamId;
  },
  enqueue: (teamId: TeamId, wanted: Wanted = {}): Promise<JobId> =>
    db.tx({ teamId }, (tx) => enqueueOne(tx, { teamId, queue, ...wanted })),
  enqueueMany: (teamId: TeamId, count: number, wanted: Wanted = {}): Promise<void> =>
    db.tx({ teamId }, async (tx) => {
      for (let i = 0; i < count; i++) await enqueueOne(tx, { teamId, queue, ...wanted });
    }),
  claim: (loadedModels: readonly string[] = []): Promise<Claimed | null> =>
    db.tx('system', (tx) => claimJob(tx, { engineId, queue, loadedModels, deadlineSeconds: 600 })),
  finalize: (
    job: { readonly id: JobId; readonly attempt: number },
    outcome: 'succeeded' | 'failed' | 'cancelled' = 'succeeded',
    isRetryable = false,
  ) =>
    db.tx('system', (tx) =>
      endAttempt(tx, { ...emptyEnd, jobId: job.id, attempt: job.attempt, outcome, isRetryable, engineSeconds: 1 }),
    ),
  cancel: (teamId: TeamId, id: JobId) => db.tx({ teamId }, (tx) => cancelJob(tx, teamId, id)),
  reap: () => db.tx('system', (tx) => reapJobs(tx, { limit: 100, minUptimeSeconds: 0 })),
  promote: () => db.tx('system', (tx) => promoteRetries(tx, 100)),
  /** As if the lease of a dead engine had run out. */
  expireLease: (job: Pick<Claimed, 'id' | 'attempt'>) =>
    db.tx('system', (tx) =>
      sql`update job set lease_until = now() - interval '1 second'
        where id = ${job.id} and attempt = ${job.attempt} and state = 'running'`.execute(tx),
    ),
  /** As if every back-off were over. */
  endBackoffs: () =>
    db.tx('system', (tx) => sql`update job set run_after = now() where state = 'retry_wait'`.execute(tx)),
  read: <T>(query: ReturnType<typeof sql<T>>): Promise<T[]> =>
    db.tx('system', async (tx) => (await query.execute(tx)).rows),
});

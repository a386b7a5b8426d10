import type {
  EngineId,
  FinalizeRequest,
  JobId,
  JobProgress,
  JobTexts,
  NodeErrors,
  ProgressResponse,
  TeamId,
} from '@studio/contracts';
import { type Selectable, sql } from 'kysely';
import type { Database, Tx } from '../../platform/db.ts';
import { leaseSeconds, warmWindow } from './lease-terms.ts';
import type { JobState, StoredJobError } from './tables.ts';

export type ClaimedJob = Pick<
  Selectable<Database['job']>,
  'id' | 'team_id' | 'attempt' | 'graph' | 'queue' | 'deadline_at'
>;

interface Claim {
  readonly engineId: EngineId;
  readonly queue: string;
  readonly loadedModels: readonly string[];
  readonly deadlineSeconds: number;
}

export const claimJob = async (
  tx: Tx,
  { engineId, queue, loadedModels, deadlineSeconds }: Claim,
): Promise<ClaimedJob | null> => {
  const { rows } = await sql<ClaimedJob>`
    select id, team_id, attempt, graph, queue, deadline_at from claim_job(
      ${engineId}, ${queue}, ${loadedModels}, make_interval(secs => ${leaseSeconds}),
      make_interval(secs => ${deadlineSeconds}), ${warmWindow})`.execute(tx);
  return rows[0] ?? null;
};

/** True when an empty claim only met teams that were busy at that moment. */
export const hasClaimableLane = async (tx: Tx, engineId: EngineId, queues: readonly string[]): Promise<boolean> => {
  const { rows } = await sql<{ is_claimable: boolean }>`
    select has_claimable_lane(${engineId}, ${queues}) as is_claimable`.execute(tx);
  return rows[0]?.is_claimable ?? false;
};

export interface Attempt {
  readonly jobId: JobId;
  readonly attempt: number;
}

export const renewLease = async (
  tx: Tx,
  { jobId, attempt, progress }: Attempt & { progress: JobProgress },
): Promise<{ directive: ProgressResponse['directive']; teamId: TeamId | null }> => {
  const { rows } = await sql<{ directive: ProgressResponse['directive']; teamId: TeamId | null }>`
    select directive, team_id as "teamId" from renew_lease(
      ${jobId}, ${attempt}, make_interval(secs => ${leaseSeconds}), ${JSON.stringify(progress)})`.execute(tx);
  return rows[0] ?? { directive: 'lost', teamId: null };
};

interface Ending extends Attempt {
  readonly outcome: FinalizeRequest['status'];
  readonly isRetryable: boolean;
  readonly error: StoredJobError | null;
  readonly engineSeconds: number;
  readonly nodeErrors: NodeErrors;
  readonly texts: JobTexts;
}

/** The end of an attempt that has nothing to tell. */
export const emptyEnd = { error: null, engineSeconds: 0, nodeErrors: {}, texts: {} } as const;

export interface Verdict {
  readonly verdict: 'settled' | 'repeated' | 'lost';
  readonly state: JobState | null;
}

export const endAttempt = async (tx: Tx, ending: Ending): Promise<Verdict> => {
  const { rows } = await sql<Verdict>`
    select verdict, state from finalize_job(
      ${ending.jobId}, ${ending.attempt}, ${ending.outcome}, ${ending.isRetryable},
      ${ending.error && JSON.stringify(ending.error)}, ${ending.engineSeconds},
      ${JSON.stringify(ending.nodeErrors)}, ${JSON.stringify(ending.texts)})`.execute(tx);
  return rows[0] ?? { verdict: 'lost', state: null };
};

/** What settling an attempt needs to know about its job. */
export const findLeasedJob = async (tx: Tx, id: JobId) =>
  (await tx
    .selectFrom('job')
    .select(['id', 'team_id', 'user_id', 'queue', 'params', 'state', 'attempt'])
    .where('id', '=', id)
    .executeTakeFirst()) ?? null;

export interface Reaped {
  readonly team_id: TeamId;
  readonly state: JobState;
}

/** Lets the leases of an engine run out now, but for those of `heldJobs`. Returns whether there were any. */
export const expireLeases = async (tx: Tx, engineId: EngineId, heldJobs: readonly JobId[]): Promise<boolean> => {
  const { numAffectedRows } = await sql`
    update job set lease_until = now() - interval '1 second'
      where state = 'running' and engine_id = ${engineId} and id <> all (${heldJobs})`.execute(tx);
  return (numAffectedRows ?? 0n) > 0n;
};

interface Reaping {
  readonly limit: number;
  /** Reaps nothing before the database has been up for so long. */
  readonly minUptimeSeconds: number;
}

/** Ends attempts past their lease or deadline. */
export const reapJobs = async (tx: Tx, { limit, minUptimeSeconds }: Reaping): Promise<Reaped[]> => {
  const { rows } = await sql<Reaped>`
    select team_id, state from reap_jobs(${limit}, make_interval(secs => ${minUptimeSeconds}))`.execute(tx);
  return rows;
};

/** Returns the queues in which jobs wait again. */
export const promoteRetries = async (tx: Tx, limit: number): Promise<string[]> => {
  const { rows } = await sql<{ queue: string }>`select distinct queue from promote_retries(${limit}) queue`.execute(tx);
  return rows.map((row) => row.queue);
};

/** The event log of a team keeps the last day and at most 10,000 entries. */
export const deleteOldEvents = async (tx: Tx): Promise<void> => {
  await sql`delete from event where at < now() - interval '1 day'`.execute(tx);
  await sql`
    delete from event using team_queue
      where event.team_id = team_queue.team_id and event.seq <= team_queue.event_seq - 10000`.execute(tx);
};

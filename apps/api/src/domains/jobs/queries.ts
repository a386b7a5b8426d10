import type {
  Graph,
  Job,
  JobId,
  JobStatus,
  NodeErrors,
  ResolvedTxt2imgParams,
  TeamId,
  UserId,
} from '@studio/contracts';
import { type Selectable, sql } from 'kysely';
import type { Database, Tx } from '../../platform/db.ts';
import type { JobState } from './tables.ts';

const columns = [
  'id',
  'team_id',
  'kind',
  'queue',
  'cost',
  'params',
  'state',
  'attempt',
  'is_cancel_requested',
  'progress',
  'error',
  'node_errors',
  'texts',
  'created_at',
  'started_at',
  'finished_at',
] as const;
export type JobRow = Pick<Selectable<Database['job']>, (typeof columns)[number]>;

export interface NewJob {
  readonly id: JobId;
  readonly teamId: TeamId;
  readonly userId: UserId;
  readonly kind: Job['kind'];
  readonly queue: string;
  readonly model: string;
  readonly cost: number;
  readonly graph: Graph;
  readonly params: ResolvedTxt2imgParams | null;
  readonly nodeErrors: NodeErrors;
}

/** Null when the team may not have more jobs waiting. */
export const enqueueJob = async (tx: Tx, job: NewJob): Promise<{ waiting: number; created_at: Date } | null> => {
  const params = job.params && JSON.stringify(job.params);
  const { rows } = await sql<{ waiting: number; created_at: Date }>`
    select * from enqueue_job(${job.id}, ${job.teamId}, ${job.userId}, ${job.kind}, ${job.queue}, ${job.model},
      ${job.cost}, ${JSON.stringify(job.graph)}, ${params}, ${JSON.stringify(job.nodeErrors)})`.execute(tx);
  return rows[0] ?? null;
};

export const findJob = async (tx: Tx, teamId: TeamId, id: JobId): Promise<JobRow | null> =>
  (await tx.selectFrom('job').select(columns).where('team_id', '=', teamId).where('id', '=', id).executeTakeFirst()) ??
  null;

export const listJobsByIds = async (tx: Tx, teamId: TeamId, ids: readonly JobId[]): Promise<JobRow[]> =>
  ids.length === 0
    ? []
    : tx.selectFrom('job').select(columns).where('team_id', '=', teamId).where('id', 'in', ids).execute();

/** Those of the jobs that run at this moment. */
export const listRunningIds = async (tx: Tx, teamId: TeamId, ids: readonly JobId[]): Promise<Set<JobId>> => {
  const rows = await tx
    .selectFrom('job')
    .select('id')
    .where('team_id', '=', teamId)
    .where('id', 'in', ids)
    .where('state', '=', 'running')
    .execute();
  return new Set(rows.map((row) => row.id));
};

const statesByStatus: Record<JobStatus | 'active', readonly JobState[]> = {
  active: ['queued', 'retry_wait', 'running'],
  queued: ['queued', 'retry_wait'],
  running: ['running'],
  succeeded: ['succeeded'],
  failed: ['failed'],
  cancelled: ['cancelled'],
};

interface JobFilter {
  readonly teamId: TeamId;
  readonly status: JobStatus | 'active' | undefined;
  readonly before: JobId | undefined;
  readonly limit: number;
}

/** Jobs of a team, newest first. */
export const listJobs = (tx: Tx, { teamId, status, before, limit }: JobFilter): Promise<JobRow[]> =>
  tx
    .selectFrom('job')
    .select(columns)
    .where('team_id', '=', teamId)
    .$if(status !== undefined, (query) => query.where('state', 'in', statesByStatus[status ?? 'active']))
    .$if(before !== undefined, (query) => query.where('id', '<', sql.val(before)))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();

export interface WaitingJob {
  readonly id: JobId;
  readonly queue: string;
  readonly cost: number;
  /** Jobs of the team that run before it. */
  readonly ahead: number;
}

/** Every waiting job of a team; as many as the team's limit at most, 500 by default. */
export const listWaitingJobs = (tx: Tx, teamId: TeamId): Promise<WaitingJob[]> =>
  tx
    .selectFrom('job')
    .select(['id', 'queue', 'cost', sql<number>`row_number() over (order by priority desc, id) - 1`.as('ahead')])
    .where('team_id', '=', teamId)
    .where('state', 'in', ['queued', 'retry_wait'])
    .execute();

export type CancelVerdict = 'cancelled' | 'requested' | 'repeated' | 'finished' | 'missing';

export const cancelJob = async (tx: Tx, teamId: TeamId, id: JobId): Promise<CancelVerdict> => {
  const { rows } = await sql<{ verdict: CancelVerdict }>`
    select cancel_job(${teamId}, ${id}) as verdict`.execute(tx);
  return rows[0]?.verdict ?? 'missing';
};

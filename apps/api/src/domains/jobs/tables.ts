import type {
  AssetId,
  EngineId,
  Graph,
  Job,
  JobId,
  JobProgress,
  JobTexts,
  NodeErrors,
  ResolvedTxt2imgParams,
  TeamId,
  UserId,
} from '@studio/contracts';
import type { ColumnType } from 'kysely';

/** `retry_wait` is shown as queued: it waits out its back-off before it enters its lane again. */
export type JobState = 'queued' | 'retry_wait' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** The reaper stores a code alone; the sentence comes from the table of errors. */
export interface StoredJobError {
  readonly code: string;
  readonly message?: string;
  readonly nodeId?: string | null;
  readonly classType?: string | null;
}

/** Written by the functions of the migrations alone, so that no caller can break the counters. */
type ReadOnly<T> = ColumnType<T, never, never>;

declare module '../../platform/db.ts' {
  interface Database {
    job: {
      id: ReadOnly<JobId>;
      team_id: ReadOnly<TeamId>;
      user_id: ReadOnly<UserId>;
      kind: ReadOnly<Job['kind']>;
      queue: ReadOnly<string>;
      model: ReadOnly<string>;
      priority: ReadOnly<number>;
      cost: ReadOnly<number>;
      graph: ReadOnly<Graph>;
      params: ReadOnly<ResolvedTxt2imgParams | null>;
      state: ReadOnly<JobState>;
      attempt: ReadOnly<number>;
      is_cancel_requested: ReadOnly<boolean>;
      engine_id: ReadOnly<EngineId | null>;
      deadline_at: ReadOnly<Date | null>;
      progress: ReadOnly<JobProgress | null>;
      error: ReadOnly<StoredJobError | null>;
      node_errors: ReadOnly<NodeErrors>;
      texts: ReadOnly<JobTexts>;
      created_at: ReadOnly<Date>;
      started_at: ReadOnly<Date | null>;
      finished_at: ReadOnly<Date | null>;
    };
    event: {
      team_id: ReadOnly<TeamId>;
      seq: ReadOnly<number>;
      type: ReadOnly<'job.updated' | 'asset.created' | 'asset.deleted' | 'asset.restored'>;
      job_id: ReadOnly<JobId | null>;
      asset_id: ReadOnly<AssetId | null>;
      at: ReadOnly<Date>;
    };
    team_queue: {
      team_id: TeamId;
      weight: number;
      max_running: number;
      max_queued: number;
      running: ReadOnly<number>;
      queued: ReadOnly<number>;
      event_seq: ReadOnly<number>;
    };
  }
}

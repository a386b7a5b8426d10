import {
  type Asset,
  errorDefinitions,
  isErrorCode,
  type Job,
  type JobError,
  type JobStatus,
  type JobStatusView,
} from '@studio/contracts';
import type { JobRow } from './queries.ts';
import type { JobState, StoredJobError } from './tables.ts';

const statusOf = (state: JobState): JobStatus => (state === 'retry_wait' ? 'queued' : state);

const presentError = (error: StoredJobError): JobError => ({
  code: error.code,
  message: error.message ?? errorDefinitions[isErrorCode(error.code) ? error.code : 'engine.internal'].message,
  nodeId: error.nodeId ?? null,
  classType: error.classType ?? null,
});

/** `position`: place in line, looked at only while the job waits. */
export const presentJobStatus = (row: JobRow, position: number): JobStatusView => {
  const status = statusOf(row.state);
  return {
    id: row.id,
    status,
    position: status === 'queued' ? position : null,
    progress: status === 'running' ? row.progress : null,
    error: status === 'failed' && row.error ? presentError(row.error) : null,
    isCancelRequested: row.is_cancel_requested,
    attempt: row.attempt,
    createdAt: row.created_at.toISOString(),
    startedAt: status === 'queued' ? null : (row.started_at?.toISOString() ?? null),
    finishedAt: row.finished_at?.toISOString() ?? null,
  };
};

export const presentJob = (
  row: JobRow,
  { position, assets }: { readonly position: number; readonly assets: readonly Asset[] },
): Job => ({
  ...presentJobStatus(row, position),
  kind: row.kind,
  params: row.params,
  assets: [...assets],
  texts: row.texts,
  nodeErrors: row.node_errors,
});

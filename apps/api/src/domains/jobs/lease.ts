import type { claimLeases as claimLeasesEndpoint, EndpointInput, EngineId, Lease } from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import { AppError } from '../../platform/app-error.ts';
import { signBlobLink } from '../../platform/blob-links.ts';
import type { Tx } from '../../platform/db.ts';
import { touchEngine } from '../models/index.ts';
import { listGraphImages } from './check-graph.ts';
import { type ClaimedJob, claimJob, emptyEnd, endAttempt, hasClaimableLane } from './lease-queries.ts';
import { leaseSeconds } from './lease-terms.ts';
import { waitForWork } from './wait-for-work.ts';

type ClaimRequest = EndpointInput<typeof claimLeasesEndpoint>['body'];

/** A wake-up can be lost (another replica, a crash before it was sent); a second later the claim looks by itself. */
const fallbackPollMs = 1_000;
/** A lane whose team was busy is free again after about one transaction. */
const contendedPollMs = 20;

const presentLease = async ({ config }: Pick<Deps, 'config'>, tx: Tx, job: ClaimedJob): Promise<Lease> => ({
  jobId: job.id,
  attempt: job.attempt,
  cacheNamespace: job.team_id,
  graph: job.graph,
  leaseSeconds,
  deadlineAt: (job.deadline_at ?? new Date()).toISOString(),
  inputs: (await listGraphImages(tx, job.team_id, job.graph)).map((image) => ({
    name: image.id,
    url: signBlobLink(config, { kind: 'read', key: image.blob_key }),
    sha256: image.sha256,
    sizeBytes: image.size_bytes,
  })),
});

const ensureRegistered = async (tx: Tx, engineId: EngineId): Promise<void> => {
  if (!(await touchEngine(tx, engineId))) throw new AppError('engine.not_registered');
};

interface Look {
  readonly jobs: readonly ClaimedJob[];
  readonly leases: Lease[];
  /** Nothing was taken, but only because the teams that wait were busy at that moment. */
  readonly isContended: boolean;
}

const claimJobs = async (tx: Tx, claim: ClaimRequest, deadlineSeconds: number): Promise<ClaimedJob[]> => {
  const { engineId, loadedModels, queues, slots } = claim;
  const jobs: ClaimedJob[] = [];
  for (const queue of queues) {
    while (jobs.length < slots) {
      const job = await claimJob(tx, { engineId, queue, loadedModels, deadlineSeconds });
      if (!job) break;
      jobs.push(job);
    }
  }
  return jobs;
};

/** One look at every queue, in the order in which the engine names them. */
const look = (deps: Pick<Deps, 'db' | 'bus' | 'config'>, claim: ClaimRequest): Promise<Look> =>
  deps.db.tx('system', async (tx, onCommit) => {
    // First, while no team's row is locked; it also keeps an engine known that is never without work.
    await ensureRegistered(tx, claim.engineId);
    const jobs = await claimJobs(tx, claim, deps.config.jobDeadlineSeconds);
    onCommit(() => {
      for (const teamId of new Set(jobs.map((job) => job.team_id))) deps.bus.publish('team.changed', { teamId });
    });
    const leases: Lease[] = [];
    for (const job of jobs) leases.push(await presentLease(deps, tx, job));
    const isContended = jobs.length === 0 && (await hasClaimableLane(tx, claim.engineId, claim.queues));
    return { jobs, leases, isContended };
  });

/** The engine hung up while jobs were being taken: they go to another attempt instead of waiting for their leases. */
const giveBack = async (deps: Pick<Deps, 'db' | 'bus'>, jobs: readonly ClaimedJob[]): Promise<void> => {
  for (const { id: jobId, attempt, team_id: teamId } of jobs) {
    await deps.db.tx('system', async (tx, onCommit) => {
      await endAttempt(tx, { ...emptyEnd, jobId, attempt, outcome: 'failed', isRetryable: true });
      onCommit(() => deps.bus.publish('team.changed', { teamId }));
    });
  }
};

/**
 * The next jobs for an engine, as many as it has slots for; none after `waitMs`. Answers at once when a job arrives, and
 * when `signal` fires.
 */
export const claimLeases = async (
  deps: Pick<Deps, 'db' | 'bus' | 'config'>,
  claim: ClaimRequest,
  signal: AbortSignal,
): Promise<Lease[]> => {
  const endsAt = Date.now() + claim.waitMs;
  while (!signal.aborted) {
    const leftMs = endsAt - Date.now();
    const wait = waitForWork(deps, {
      queues: claim.queues,
      maxMs: Math.min(fallbackPollMs, Math.max(0, leftMs)),
      signal,
    });
    try {
      const { jobs, leases, isContended } = await look(deps, claim);
      if (signal.aborted) await giveBack(deps, jobs);
      if (leases.length > 0) return leases;
      if (leftMs <= 0) break;
      if (isContended) await new Promise((resolve) => setTimeout(resolve, contendedPollMs));
      else await wait.over;
    } finally {
      wait.stop();
    }
  }
  return [];
};

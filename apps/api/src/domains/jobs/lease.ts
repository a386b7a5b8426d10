import type { claimLease as claimLeaseEndpoint, EndpointInput, EngineId, Lease } from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import { AppError } from '../../platform/app-error.ts';
import { signBlobLink } from '../../platform/blob-links.ts';
import type { Tx } from '../../platform/db.ts';
import { touchEngine } from '../models/index.ts';
import { listGraphImages } from './check-graph.ts';
import { type ClaimedJob, claimJob, endAttempt, hasClaimableLane } from './lease-queries.ts';
import { leaseSeconds } from './lease-terms.ts';
import { waitForWork } from './wait-for-work.ts';

type ClaimRequest = EndpointInput<typeof claimLeaseEndpoint>['body'];

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

type Look =
  | { readonly lease: Lease; readonly teamId: ClaimedJob['team_id'] }
  | { readonly lease: null; readonly isContended: boolean };

/** One look at every queue, in the order in which the engine names them. */
const look = (deps: Pick<Deps, 'db' | 'bus' | 'config'>, claim: ClaimRequest): Promise<Look> =>
  deps.db.tx('system', async (tx, onCommit): Promise<Look> => {
    const { engineId, loadedModels, queues } = claim;
    // First, while no team's row is locked; it also keeps an engine known that is never without work.
    await ensureRegistered(tx, engineId);
    for (const queue of queues) {
      const job = await claimJob(tx, {
        engineId,
        queue,
        loadedModels,
        deadlineSeconds: deps.config.jobDeadlineSeconds,
      });
      if (!job) continue;
      onCommit(() => deps.bus.publish('team.changed', { teamId: job.team_id }));
      return { lease: await presentLease(deps, tx, job), teamId: job.team_id };
    }
    return { lease: null, isContended: await hasClaimableLane(tx, engineId, queues) };
  });

/** The engine hung up while its job was being taken: the job goes to another attempt instead of waiting for the lease. */
const giveBack = (deps: Pick<Deps, 'db' | 'bus'>, { jobId, attempt }: Lease, teamId: ClaimedJob['team_id']) =>
  deps.db.tx('system', async (tx, onCommit) => {
    await endAttempt(tx, { jobId, attempt, outcome: 'failed', isRetryable: true, error: null, engineSeconds: 0 });
    onCommit(() => deps.bus.publish('team.changed', { teamId }));
  });

/** The next job for an engine, or null after `waitMs`. Answers at once when a job arrives, and when `signal` fires. */
export const claimLease = async (
  deps: Pick<Deps, 'db' | 'bus' | 'config'>,
  claim: ClaimRequest,
  signal: AbortSignal,
): Promise<Lease | null> => {
  const endsAt = Date.now() + claim.waitMs;
  while (!signal.aborted) {
    const leftMs = endsAt - Date.now();
    const wait = waitForWork(deps, {
      queues: claim.queues,
      maxMs: Math.min(fallbackPollMs, Math.max(0, leftMs)),
      signal,
    });
    try {
      const seen = await look(deps, claim);
      if (seen.lease && signal.aborted) await giveBack(deps, seen.lease, seen.teamId);
      if (seen.lease) return seen.lease;
      if (leftMs <= 0) return null;
      if (seen.isContended) await new Promise((resolve) => setTimeout(resolve, contendedPollMs));
      else await wait.over;
    } finally {
      wait.stop();
    }
  }
  return null;
};

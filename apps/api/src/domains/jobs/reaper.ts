import type { Deps } from '../../deps.ts';
import { startTimer } from '../../platform/timer.ts';
import { deleteOldEvents, promoteRetries, reapJobs } from './lease-queries.ts';
import { defaultQueue, leaseSeconds } from './lease-terms.ts';

const jobsPerTurn = 100;

type ReaperDeps = Pick<Deps, 'db' | 'bus'>;

/** Ends attempts whose engine fell silent or overran: they go to another attempt, or fail after the last one. */
export const reapLeases = ({ db, bus }: ReaperDeps, minUptimeSeconds = 0): Promise<void> =>
  db.tx('system', async (tx, onCommit) => {
    const reaped = await reapJobs(tx, { limit: jobsPerTurn, minUptimeSeconds });
    onCommit(() => {
      for (const teamId of new Set(reaped.map((job) => job.team_id))) bus.publish('team.changed', { teamId });
      if (reaped.length > 0) bus.publish('queue.ready', { queue: defaultQueue });
    });
  });

/** Puts retries whose back-off is over back into their lanes. */
export const promoteDueRetries = ({ db, bus }: ReaperDeps): Promise<void> =>
  db.tx('system', async (tx, onCommit) => {
    const queues = await promoteRetries(tx, jobsPerTurn);
    onCommit(() => {
      for (const queue of queues) bus.publish('queue.ready', { queue });
    });
  });

const trimEvents = ({ db }: ReaperDeps): Promise<void> => db.tx('system', deleteOldEvents);

/**
 * Leases, retries, deadlines and the event log. Leases are not reaped before this process and the database have run for
 * one lease: while either was down no engine could renew, and every running job would be taken from an engine that still works.
 */
export const startReaper = (deps: Pick<Deps, 'db' | 'bus' | 'log'>): { stop(): Promise<void> } => {
  const reapsFrom = Date.now() + leaseSeconds * 1_000;
  const timers = [
    startTimer(deps.log, { name: 'promote retries', everyMs: 1_000, run: () => promoteDueRetries(deps) }),
    startTimer(deps.log, {
      name: 'reap leases',
      everyMs: 5_000,
      run: async () => {
        if (Date.now() >= reapsFrom) await reapLeases(deps, leaseSeconds);
      },
    }),
    startTimer(deps.log, { name: 'trim events', everyMs: 600_000, run: () => trimEvents(deps) }),
  ];
  return {
    stop: async () => {
      await Promise.all(timers.map((timer) => timer.stop()));
    },
  };
};

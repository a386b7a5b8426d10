import type { Deps } from './deps.ts';
import { purgeTrash, sweepUploads } from './domains/assets/index.ts';
import { startReaper } from './domains/jobs/index.ts';
import { forgetGoneEngines } from './domains/models/index.ts';
import { deleteExpiredAnswers } from './http/idempotency.ts';
import { startTimer } from './platform/timer.ts';

/** Something that runs beside the HTTP server until it is stopped. */
export interface Role {
  /** Resolves once nothing of it runs any more. */
  stop(): Promise<void>;
}

const minuteMs = 60_000;
const hourMs = 3_600_000;

/** What each role runs besides HTTP. A domain with background work adds its starter to the role that does it. */
const starters: Record<'worker' | 'reaper', readonly ((deps: Deps) => Role)[]> = {
  worker: [
    (deps) => startTimer(deps.log, { name: 'idempotency', everyMs: hourMs, run: () => deleteExpiredAnswers(deps) }),
  ],
  reaper: [
    startReaper,
    (deps) => startTimer(deps.log, { name: 'trash', everyMs: minuteMs, run: () => purgeTrash(deps) }),
    (deps) => startTimer(deps.log, { name: 'uploads', everyMs: minuteMs, run: () => sweepUploads(deps) }),
    (deps) => startTimer(deps.log, { name: 'engines', everyMs: hourMs, run: () => forgetGoneEngines(deps) }),
  ],
};

/** Starts the roles that the configuration names. */
export const startRoles = (deps: Deps): Role => {
  const running = (['worker', 'reaper'] as const)
    .filter((role) => deps.config.roles.includes(role))
    .flatMap((role) => starters[role].map((start) => start(deps)));
  return {
    stop: async () => {
      await Promise.all(running.map((role) => role.stop()));
    },
  };
};

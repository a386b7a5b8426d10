import type { Deps } from './deps.ts';
import { deleteExpiredAnswers } from './http/idempotency.ts';
import { startTimer } from './platform/timer.ts';

/** Something that runs beside the HTTP server until it is stopped. */
export interface Role {
  /** Resolves once nothing of it runs any more. */
  stop(): Promise<void>;
}

const hourMs = 3_600_000;

/** What each role runs besides HTTP. A domain with background work adds its starter to the role that does it. */
const starters: Record<'worker' | 'reaper', readonly ((deps: Deps) => Role)[]> = {
  worker: [
    (deps) => startTimer(deps.log, { name: 'idempotency', everyMs: hourMs, run: () => deleteExpiredAnswers(deps) }),
  ],
  reaper: [],
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

import type { Log } from './log.ts';

interface TimerOptions {
  readonly name: string;
  readonly everyMs: number;
  /** Must be safe to run twice. A failure is logged and the next turn comes as usual. */
  readonly run: () => Promise<unknown>;
}

/** Runs a task at once and then again and again, each turn `everyMs` after the last one ended, so that turns never overlap. */
export const startTimer = (log: Log, { name, everyMs, run }: TimerOptions): { stop(): Promise<void> } => {
  let isStopped = false;
  let timeout: NodeJS.Timeout | undefined;
  let turn = Promise.resolve();
  const takeTurn = async (): Promise<void> => {
    try {
      await run();
    } catch (error) {
      log.error({ err: error, task: name }, 'A background task failed; it will be tried again.');
    }
    if (!isStopped) schedule(everyMs);
  };
  const schedule = (delayMs: number): void => {
    timeout = setTimeout(() => {
      turn = takeTurn();
    }, delayMs);
  };
  schedule(0);
  return {
    stop: async () => {
      isStopped = true;
      clearTimeout(timeout);
      await turn;
    },
  };
};

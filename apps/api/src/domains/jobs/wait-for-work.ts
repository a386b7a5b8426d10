import type { Deps } from '../../deps.ts';

interface Wait {
  /** Resolves when a queue has work, when the time is over, or when `signal` fires. */
  readonly over: Promise<void>;
  stop(): void;
}

/** Listens from the moment it is called, so that work which arrives while the caller looks is not missed. */
export const waitForWork = (
  { bus }: Pick<Deps, 'bus'>,
  { queues, maxMs, signal }: { queues: readonly string[]; maxMs: number; signal: AbortSignal },
): Wait => {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const unsubscribe = bus.subscribe('queue.ready', ({ queue }) => {
    if (queues.includes(queue)) resolve();
  });
  const timeout = setTimeout(resolve, maxMs);
  const onAbort = (): void => resolve();
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) resolve();
  return {
    over,
    stop: () => {
      unsubscribe();
      clearTimeout(timeout);
      signal.removeEventListener('abort', onAbort);
      resolve();
    },
  };
};

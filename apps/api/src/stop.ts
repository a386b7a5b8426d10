import type { Log } from './platform/log.ts';

/** The launcher kills after 10 s; stopping must be over before that. */
const stopWithinMs = 8_000;

/** Stops once, in order, on SIGTERM or SIGINT; what has not drained in 8 s is cut off. */
export const stopOnSignal = (log: Log, stop: () => Promise<void>): void => {
  let isStopping = false;
  const onSignal = async (signal: NodeJS.Signals): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    log.info({ signal }, 'Stopping.');
    setTimeout(() => process.exit(1), stopWithinMs).unref();
    try {
      await stop();
      process.exit(0);
    } catch (error) {
      log.error({ err: error }, 'Stopping failed.');
      process.exit(1);
    }
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
};

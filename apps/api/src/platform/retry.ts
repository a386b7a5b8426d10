import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

const serializationFailure = '40001';
const deadlockDetected = '40P01';
const maxAttempts = 4;

const isConflict = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && (error.code === serializationFailure || error.code === deadlockDetected);

/** Runs a transaction again when PostgreSQL chose it as the victim; the jitter keeps rivals from colliding again. */
export const retryOnConflict = async <T>(run: () => Promise<T>): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt === maxAttempts || !isConflict(error)) throw error;
      await delay(attempt * 10 * Math.random());
    }
  }
};

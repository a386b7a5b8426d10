import { sql } from 'kysely';
import type { Deps } from '../../deps.ts';
import type { Tx } from '../../platform/db.ts';
import type { TeamLoad } from './position.ts';

/** A place in line may be this old; with 1,000 teams one reading costs 2 to 5 ms. */
const keptMs = 2_000;

interface Reading {
  load: readonly TeamLoad[];
  expiresAt: number;
}

/** Kept per process, for which its bus stands, so that two servers in one process do not share readings. */
const readings = new WeakMap<Deps['bus'], Map<string, Reading>>();

/** What waits in a queue, shared by everyone who asks within two seconds. */
export const getQueueLoad = async ({ bus }: Pick<Deps, 'bus'>, tx: Tx, queue: string): Promise<readonly TeamLoad[]> => {
  const byQueue = readings.get(bus) ?? new Map<string, Reading>();
  readings.set(bus, byQueue);
  const reading = byQueue.get(queue);
  const now = Date.now();
  if (reading && reading.expiresAt > now) return reading.load;
  // Whoever asks while this one reads goes on with the old reading.
  if (reading) reading.expiresAt = now + keptMs;
  const { rows } = await sql<TeamLoad>`
    select team_id as "teamId", queued, tag, weight from queue_load(${queue})`.execute(tx);
  byQueue.set(queue, { load: rows, expiresAt: now + keptMs });
  return rows;
};

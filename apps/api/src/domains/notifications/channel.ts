import type { JobId, StudioEvent, TeamId } from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import { estimatePositions } from '../jobs/index.ts';
import { readEvents } from './events.ts';
import type { Preview } from './latest.ts';

export type FeedDeps = Pick<Deps, 'db' | 'bus' | 'config' | 'log'>;

/** One open page. Its methods must not throw and must not wait. */
export interface Listener {
  onEvent(event: StudioEvent): void;
  onPreview(preview: Preview): void;
}

export interface Channel {
  readonly listeners: Set<Listener>;
  send(event: StudioEvent): void;
  /** The log has grown, or may have. */
  wake(): void;
  /** Tells waiting jobs whose place in line has changed. */
  sendMoves(): Promise<void>;
}

/**
 * The live events of one team in the order of their numbers, from `startSeq` on. A wake-up carries no content: the
 * channel reads the log from where it stands, so an event can be neither lost, doubled nor out of order, and a burst of
 * changes costs one reading.
 */
export const createChannel = (deps: FeedDeps, teamId: TeamId, startSeq: number): Channel => {
  const listeners = new Set<Listener>();
  const positions = new Map<JobId, number>();
  let seq = startSeq;
  let isStale = false;
  let isReading = false;
  let hasWaiting = true;

  const send = (event: StudioEvent): void => {
    for (const listener of listeners) listener.onEvent(event);
  };

  const readOn = async (): Promise<void> => {
    isReading = true;
    try {
      while (isStale) {
        isStale = false;
        const since = seq;
        const log = await deps.db.tx({ teamId }, (tx) => readEvents(deps, tx, { teamId, since }));
        seq = log.seq;
        hasWaiting ||= log.events.some((event) => event.type === 'job.updated' && event.data.status === 'queued');
        for (const event of log.events) send(event);
      }
    } catch (error) {
      deps.log.error({ err: error }, 'Events could not be read; the next change reads again.');
    } finally {
      isReading = false;
    }
  };

  return {
    listeners,
    send,
    wake: () => {
      isStale = true;
      if (!isReading) void readOn();
    },
    sendMoves: async () => {
      if (!hasWaiting) return;
      const now = await deps.db.tx({ teamId }, (tx) => estimatePositions(deps, tx, teamId));
      hasWaiting = now.size > 0;
      const moved = [...now].filter(([jobId, position]) => positions.get(jobId) !== position);
      positions.clear();
      for (const [jobId, position] of now) positions.set(jobId, position);
      const at = new Date().toISOString();
      for (const [jobId, position] of moved) send({ type: 'job.moved', at, data: { jobId, position } });
    },
  };
};

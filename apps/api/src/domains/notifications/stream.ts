import type { JobId, StudioEvent, TeamId } from '@studio/contracts';
import { AppError } from '../../platform/app-error.ts';
import type { Feed } from './feed.ts';
import type { Preview } from './latest.ts';

/** Where a stream goes: a socket, or an HTTP answer. */
export interface Sink {
  onReady(ready: { readonly seq: number; readonly isComplete: boolean }): void;
  onEvent(event: StudioEvent): void;
  onPreview(preview: Preview): void;
  /** The job of a job's stream has ended and its last event has been sent. */
  onEnd(): void;
}

interface Stream {
  readonly teamId: TeamId;
  readonly since: number | null;
  /** Only events of this job, beginning with its present state. */
  readonly jobId: JobId | null;
}

const jobIdOf = (event: StudioEvent): JobId | null => {
  switch (event.type) {
    case 'job.updated':
      return event.data.id;
    case 'asset.deleted':
      return null;
    default:
      return event.data.jobId;
  }
};

const isFinal = (event: StudioEvent): boolean => event.type === 'job.updated' && event.data.finishedAt !== null;

/** What was missed: the present state of a job, or the team's events since a number. */
const readMissed = async (feed: Feed, { teamId, since, jobId }: Stream) => {
  if (jobId === null) return feed.catchUp(teamId, since);
  const found = await feed.findJob(teamId, jobId);
  if (!found) throw new AppError('job.not_found');
  const { job, seq } = found;
  const event: StudioEvent = { type: 'job.updated', seq, at: new Date().toISOString(), data: job };
  return { events: [event], seq, isComplete: true };
};

/**
 * Sends what was missed, `ready`, then everything live, each numbered event once and in order. Returns the function
 * that ends it. Throws `job.not_found`.
 */
export const startStream = async (feed: Feed, stream: Stream, sink: Sink): Promise<() => void> => {
  const { teamId, jobId } = stream;
  // Live events wait here until what was missed has been sent.
  let held: StudioEvent[] | null = [];
  let sentSeq = -1;
  let isEnded = false;
  const deliver = (event: StudioEvent): void => {
    if (isEnded || (jobId !== null && jobIdOf(event) !== jobId)) return;
    if ('seq' in event) {
      if (event.seq <= sentSeq) return;
      sentSeq = event.seq;
    }
    sink.onEvent(event);
    if (jobId === null || !isFinal(event)) return;
    isEnded = true;
    sink.onEnd();
  };
  const listener = {
    onEvent: (event: StudioEvent): void => {
      if (held) held.push(event);
      else deliver(event);
    },
    onPreview: (preview: Preview): void => {
      if (!held && !isEnded && (jobId === null || preview.header.jobId === jobId)) sink.onPreview(preview);
    },
  };
  const leave = await feed.join(teamId, listener);
  try {
    const { events, seq, isComplete } = await readMissed(feed, stream);
    for (const event of events) deliver(event);
    sentSeq = seq;
    if (!isEnded) sink.onReady({ seq, isComplete });
    const live = held;
    held = null;
    for (const event of live) deliver(event);
    if (!isEnded) await feed.sendLatest(teamId, listener);
    return leave;
  } catch (error) {
    leave();
    throw error;
  }
};

import type { Job, JobId, TeamId } from '@studio/contracts';
import { startTimer } from '../../platform/timer.ts';
import { listRunningIds, readJobs } from '../jobs/index.ts';
import { type Channel, createChannel, type FeedDeps, type Listener } from './channel.ts';
import { type EventLog, readEvents, readNewestSeq } from './events.ts';
import { keepLatest, toProgressEvent } from './latest.ts';
import '../../platform/topics.ts';

/** The live events of all teams that have a page open. */
export interface Feed {
  /** Joins a team's events from now on; returns the function that leaves. */
  join(teamId: TeamId, listener: Listener): Promise<() => void>;
  /** What happened after `since`; null = nothing, only the present number. */
  catchUp(teamId: TeamId, since: number | null): Promise<EventLog>;
  /** A job as it is now, with a number from which events follow; null when the team has no such job. */
  findJob(teamId: TeamId, jobId: JobId): Promise<{ readonly job: Job; readonly seq: number } | null>;
  /** Sends the newest progress and preview of each running job. */
  sendLatest(teamId: TeamId, listener: Listener): Promise<void>;
  stop(): Promise<void>;
}

const movesEveryMs = 2_000;
/** A wake-up that another process failed to send is made up for at this distance. */
const turnsPerHealing = 10;

/** Passes on what the bus says to the channels of this process; returns the function that stops it. */
const connectBus = ({ bus }: FeedDeps, channels: ReadonlyMap<TeamId, Channel>): (() => void) => {
  const stops = [
    bus.subscribe('team.changed', ({ teamId }) => channels.get(teamId)?.wake()),
    bus.subscribe('job.progress', (event) => channels.get(event.teamId)?.send(toProgressEvent(event))),
    bus.subscribe('job.preview', ({ teamId, header, image }) => {
      for (const listener of channels.get(teamId)?.listeners ?? []) listener.onPreview({ header, image });
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
};

const startTicking = (deps: FeedDeps, channels: ReadonlyMap<TeamId, Channel>) => {
  let turn = 0;
  return startTimer(deps.log, {
    name: 'places in line',
    everyMs: movesEveryMs,
    run: async () => {
      turn++;
      for (const channel of channels.values()) {
        await channel.sendMoves();
        if (turn % turnsPerHealing === 0) channel.wake();
      }
    },
  });
};

export const openFeed = (deps: FeedDeps): Feed => {
  const channels = new Map<TeamId, Channel>();
  const latest = keepLatest(deps);
  const disconnect = connectBus(deps, channels);
  const ticking = startTicking(deps, channels);

  const getChannel = async (teamId: TeamId): Promise<Channel> => {
    const seq = channels.has(teamId) ? 0 : await deps.db.tx({ teamId }, (tx) => readNewestSeq(tx, teamId));
    const channel = channels.get(teamId) ?? createChannel(deps, teamId, seq);
    channels.set(teamId, channel);
    return channel;
  };

  return {
    join: async (teamId, listener) => {
      const channel = await getChannel(teamId);
      channel.listeners.add(listener);
      return () => {
        channel.listeners.delete(listener);
        if (channel.listeners.size === 0 && channels.get(teamId) === channel) channels.delete(teamId);
      };
    },
    catchUp: (teamId, since) =>
      deps.db.tx({ teamId }, async (tx) => {
        if (since !== null) return readEvents(deps, tx, { teamId, since });
        return { events: [], seq: await readNewestSeq(tx, teamId), isComplete: true };
      }),
    findJob: (teamId, jobId) =>
      deps.db.tx({ teamId }, async (tx) => {
        const seq = await readNewestSeq(tx, teamId);
        const [job] = await readJobs(deps, tx, { teamId, ids: [jobId] });
        return job ? { job, seq } : null;
      }),
    sendLatest: async (teamId, listener) => {
      const kept = latest.ofTeam(teamId);
      if (kept.length === 0) return;
      const ids = kept.map(({ jobId }) => jobId);
      const running = await deps.db.tx({ teamId }, (tx) => listRunningIds(tx, teamId, ids));
      for (const { jobId, progress, preview } of kept) {
        if (!running.has(jobId)) continue;
        if (progress) listener.onEvent(progress);
        if (preview) listener.onPreview(preview);
      }
    },
    stop: async () => {
      disconnect();
      latest.stop();
      await ticking.stop();
    },
  };
};

import type { JobId, StudioEvent, TeamId } from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import type { BusTopics } from '../../platform/bus.ts';
import '../../platform/topics.ts';

export type ProgressEvent = Extract<StudioEvent, { type: 'job.progress' }>;
export type Preview = Pick<BusTopics['job.preview'], 'header' | 'image'>;

interface Latest {
  readonly teamId: TeamId;
  readonly jobId: JobId;
  readonly progress: ProgressEvent | null;
  readonly preview: Preview | null;
  readonly seenAtMs: number;
}

/** A running job reports every five seconds at least; one that has been silent for longer has ended or is lost. */
const keptMs = 15_000;

export const toProgressEvent = ({ jobId, attempt, progress }: BusTopics['job.progress']): ProgressEvent => ({
  type: 'job.progress',
  at: new Date().toISOString(),
  data: { jobId, attempt, progress },
});

/** The newest progress and preview of each running job, in memory alone, for whoever opens a page in the middle. */
export const keepLatest = ({ bus }: Pick<Deps, 'bus'>) => {
  const byJob = new Map<JobId, Latest>();
  const keep = (change: Partial<Latest> & Pick<Latest, 'teamId' | 'jobId'>): void => {
    const seenAtMs = Date.now();
    const known = byJob.get(change.jobId);
    // Newest last, so that the silent ones are found at the front.
    byJob.delete(change.jobId);
    byJob.set(change.jobId, { progress: null, preview: null, ...known, ...change, seenAtMs });
    for (const [jobId, latest] of byJob) {
      if (latest.seenAtMs >= seenAtMs - keptMs) break;
      byJob.delete(jobId);
    }
  };
  const stops = [
    bus.subscribe('job.progress', (event) =>
      keep({ teamId: event.teamId, jobId: event.jobId, progress: toProgressEvent(event) }),
    ),
    bus.subscribe('job.preview', ({ teamId, header, image }) =>
      keep({ teamId, jobId: header.jobId, preview: { header, image } }),
    ),
  ];
  return {
    ofTeam: (teamId: TeamId): Latest[] =>
      [...byJob.values()].filter((latest) => latest.teamId === teamId && latest.seenAtMs >= Date.now() - keptMs),
    stop: (): void => {
      for (const stop of stops) stop();
    },
  };
};

import type { JobProgress } from '@studio/contracts';
import { isActive, type JobCard } from './cards.ts';

const stageWords: Record<JobProgress['stage'], string> = {
  loading: 'Loading model',
  encoding: 'Reading prompt',
  sampling: 'Drawing',
  decoding: 'Developing',
  saving: 'Saving',
};

const formatDuration = (ms: number): string => {
  const seconds = Math.max(1, Math.round(ms / 1_000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
};

interface CardState {
  /** What happens now, in two or three words. */
  readonly label: string;
  /** Steps and time left; empty where nothing is known. */
  readonly detail: string;
  /** 0 to 1; null while it cannot be told. */
  readonly fraction: number | null;
}

const describeProgress = ({ stage, step, steps, etaMs }: JobProgress): CardState => {
  const label = stageWords[stage];
  if (stage !== 'sampling' || steps === 0)
    return { label, detail: '', fraction: stage === 'loading' ? null : step > 0 ? 1 : null };
  const left = etaMs === null ? '' : ` · ${formatDuration(etaMs)} left`;
  return { label, detail: `${step} of ${steps}${left}`, fraction: step / steps };
};

const describeWaiting = ({ job, waitsFor }: JobCard): CardState => {
  if (waitsFor === 'connection') return { label: 'Waiting for the connection', detail: '', fraction: null };
  if (waitsFor === 'engine') return { label: 'Waiting for the engine', detail: '', fraction: null };
  const isBehind = job?.position != null && job.position > 1;
  return { label: 'Queued', detail: isBehind ? `#${job.position} in line` : job ? 'next in line' : '', fraction: null };
};

export const describeCard = (card: JobCard): CardState => {
  const { job } = card;
  if (isActive(card) && card.isCancelAsked) return { label: 'Cancelling', detail: '', fraction: null };
  if (job?.status === 'running') {
    return job.progress ? describeProgress(job.progress) : { label: 'Starting', detail: '', fraction: null };
  }
  if (job === null || job.status === 'queued') return describeWaiting(card);
  if (job.status === 'failed') return { label: 'Failed', detail: '', fraction: null };
  if (job.status === 'cancelled') return { label: 'Cancelled', detail: '', fraction: null };
  const took = job.startedAt && job.finishedAt ? Date.parse(job.finishedAt) - Date.parse(job.startedAt) : null;
  return { label: 'Done', detail: took === null ? '' : `in ${formatDuration(took)}`, fraction: 1 };
};

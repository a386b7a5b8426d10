import type { Asset, Job, JobProgress } from '@studio/contracts';
import type { Size } from '../composer/aspect.ts';
import type { Txt2imgRequest } from '../composer/draft.ts';

/** One wish on the page: from the key press until its pictures have moved on into the gallery. */
export interface JobCard {
  /** The idempotency key, or the job's id where another tab or the API began it. */
  readonly key: string;
  /** Null for a free graph, which has no prompt. */
  readonly request: Txt2imgRequest | null;
  readonly size: Size;
  readonly count: number;
  /** Null until the server has answered. */
  readonly job: Job | null;
  /** What the request waits for before it can be sent again. */
  readonly waitsFor: 'connection' | 'engine' | null;
  readonly isCancelAsked: boolean;
}

export const isActive = ({ job }: JobCard): boolean =>
  job === null || job.status === 'queued' || job.status === 'running';

const cardOf = (job: Job): JobCard => ({
  key: job.id,
  request: job.params,
  size: job.params ?? { width: 1, height: 1 },
  count: job.params?.count ?? 1,
  job,
  waitsFor: null,
  isCancelAsked: job.isCancelRequested,
});

/** A finished job says nothing new once it has ended; an older attempt says nothing at all. */
const isNews = (current: Job, next: Job): boolean => current.finishedAt === null && next.attempt >= current.attempt;

const update = (cards: readonly JobCard[], jobId: string, change: (job: Job) => Job): readonly JobCard[] =>
  cards.map((card) => (card.job?.id === jobId ? { ...card, job: change(card.job) } : card));

/** Takes over what the server says of a job; a job that no card shows gets one while it is under way. */
export const applyJob = (cards: readonly JobCard[], job: Job): readonly JobCard[] => {
  const isShown = cards.some((card) => card.job?.id === job.id);
  if (!isShown) return job.finishedAt === null ? [cardOf(job), ...cards] : cards;
  return update(cards, job.id, (current) =>
    isNews(current, job) ? { ...job, progress: job.progress ?? current.progress } : current,
  );
};

export const applyProgress = (
  cards: readonly JobCard[],
  change: { jobId: string; attempt: number; progress: JobProgress },
): readonly JobCard[] =>
  update(cards, change.jobId, (job) =>
    job.finishedAt !== null || change.attempt < job.attempt
      ? job
      : { ...job, status: 'running', position: null, progress: change.progress },
  );

export const applyPosition = (cards: readonly JobCard[], jobId: string, position: number): readonly JobCard[] =>
  update(cards, jobId, (job) => (job.status === 'queued' ? { ...job, position } : job));

/** The answer to a wish: its card takes the job, and one that an event had opened for it goes. */
export const bindJob = (cards: readonly JobCard[], key: string, job: Job): readonly JobCard[] => {
  const early = cards.find((card) => card.key === job.id)?.job;
  return cards
    .filter((card) => card.key !== job.id)
    .map((card) => (card.key === key ? { ...card, job: early ?? job, waitsFor: null } : card));
};

export const dropAsset = (cards: readonly JobCard[], assetId: string): readonly JobCard[] =>
  cards
    .map((card) =>
      card.job?.assets.some(({ id }) => id === assetId)
        ? { ...card, job: { ...card.job, assets: card.job.assets.filter(({ id }) => id !== assetId) } }
        : card,
    )
    .filter((card) => card.job?.status !== 'succeeded' || card.job.assets.length > 0);

/** A new wish sends the finished pictures on into the gallery; failures stay until they have been read. */
export const addCard = (cards: readonly JobCard[], card: JobCard): readonly JobCard[] => [
  card,
  ...cards.filter(({ job }) => job?.status !== 'succeeded' && job?.status !== 'cancelled'),
];

export const shownAssets = (cards: readonly JobCard[]): Asset[] => cards.flatMap(({ job }) => job?.assets ?? []);

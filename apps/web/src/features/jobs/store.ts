import type { Job, JobProgress } from '@studio/contracts';
import { create } from 'zustand';
import {
  addCard,
  applyJob,
  applyPosition,
  applyProgress,
  bindJob,
  dropAsset,
  isActive,
  type JobCard,
} from './cards.ts';

interface Jobs {
  readonly cards: readonly JobCard[];
  /** Events about jobs that no card shows, held while an answer that may name them is on its way. */
  readonly held: readonly Job[];
}

export const useJobs = create<Jobs>(() => ({ cards: [], held: [] }));

const change = (edit: (cards: readonly JobCard[]) => readonly JobCard[]) =>
  useJobs.setState(({ cards }) => ({ cards: edit(cards) }));

const isSending = ({ cards }: Jobs): boolean => cards.some((card) => card.job === null && card.waitsFor === null);

/** Once no answer is outstanding, what is still held belongs to other tabs and gets cards of its own. */
const release = () =>
  useJobs.setState((state) =>
    isSending(state) ? state : { cards: state.held.reduce(applyJob, state.cards), held: [] },
  );

export const showJob = (job: Job) =>
  useJobs.setState((state) => {
    const isShown = state.cards.some((card) => card.job?.id === job.id);
    if (!isShown && isSending(state)) return { held: [...state.held, job] };
    return { cards: applyJob(state.cards, job) };
  });

export const openCard = (card: JobCard) => change((cards) => addCard(cards, card));

export const answerCard = (key: string, job: Job) => {
  change((cards) => bindJob(cards, key, job));
  useJobs.setState(({ cards, held }) => ({
    cards: held.filter(({ id }) => id === job.id).reduce(applyJob, cards),
    held: held.filter(({ id }) => id !== job.id),
  }));
  release();
};

export const editCard = (key: string, edit: Partial<JobCard>) =>
  change((cards) => cards.map((card) => (card.key === key ? { ...card, ...edit } : card)));

export const dropCard = (key: string) => {
  change((cards) => cards.filter((card) => card.key !== key));
  release();
};

export const findCard = (key: string): JobCard | undefined => useJobs.getState().cards.find((card) => card.key === key);

export const showProgress = (data: { jobId: string; attempt: number; progress: JobProgress }) =>
  change((cards) => applyProgress(cards, data));

export const showPosition = (jobId: string, position: number) =>
  change((cards) => applyPosition(cards, jobId, position));

export const forgetAsset = (assetId: string) => change((cards) => dropAsset(cards, assetId));

export const forgetJobs = () => useJobs.setState({ cards: [], held: [] });

export const activeJobIds = (): string[] =>
  useJobs
    .getState()
    .cards.filter(isActive)
    .flatMap(({ job }) => job?.id ?? []);

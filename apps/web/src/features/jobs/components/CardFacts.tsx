import type { JobCard } from '../cards.ts';

/** The settings in short, as far as they are known; the server fills in what was left to it, so two lines are kept. */
export const CardFacts = ({ card: { job, request } }: { card: JobCard }) => {
  const known = job?.params ?? request;
  if (!known) return null;
  const facts = [
    known.width !== undefined && known.height !== undefined && `${known.width}×${known.height}`,
    known.steps !== undefined && `${known.steps}\u00a0steps`,
    known.sampler,
    known.seed !== undefined && `seed\u00a0${known.seed}`,
  ].filter(Boolean);
  return <p className="line-clamp-2 min-h-[2lh] font-mono text-2xs text-ink-3 tabular-nums">{facts.join(' · ')}</p>;
};

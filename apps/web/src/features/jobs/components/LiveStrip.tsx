'use client';
import { useJobs } from '../store.ts';
import { LiveCard } from './LiveCard.tsx';

/** What is being drawn now, and what was just finished, newest first. */
export const LiveStrip = () => {
  const cards = useJobs((jobs) => jobs.cards);
  if (cards.length === 0) return null;
  return (
    <section
      aria-label="In progress"
      className="flex flex-wrap gap-x-4 gap-y-6 [--card-height:20rem] max-sm:[--card-height:24rem]"
    >
      {cards.map((card) => (
        <LiveCard key={card.key} card={card} />
      ))}
    </section>
  );
};

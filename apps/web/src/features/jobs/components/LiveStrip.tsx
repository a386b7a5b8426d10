'use client';
import { classes } from '../../../ui/classes.ts';
import { useJobs } from '../store.ts';
import { LiveCard } from './LiveCard.tsx';

/** What is being drawn now, and what was just finished, newest first; one alone has the room to be large. */
export const LiveStrip = () => {
  const cards = useJobs((jobs) => jobs.cards);
  if (cards.length === 0) return null;
  return (
    <section
      aria-label="In progress"
      className={classes('live-strip flex flex-wrap gap-3', cards.length === 1 && 'is-single')}
    >
      {cards.map((card) => (
        <LiveCard key={card.key} card={card} />
      ))}
    </section>
  );
};

'use client';
import type { CSSProperties } from 'react';
import { classes } from '../../../ui/classes.ts';
import { isActive, type JobCard } from '../cards.ts';
import { describeCard } from '../describe.ts';
import { gridOf } from '../grid.ts';
import { CardActions } from './CardActions.tsx';
import { CardFacts } from './CardFacts.tsx';
import { CardPictures } from './CardPictures.tsx';
import { CardProgress } from './CardProgress.tsx';

interface ShapeStyle extends CSSProperties {
  '--aspect': number;
}

const shapeOf = (card: JobCard): ShapeStyle => ({ '--aspect': gridOf(card).aspect });

const CardStatus = ({ card }: { card: JobCard }) => {
  const { label, detail, fraction } = describeCard(card);
  const { job } = card;
  return (
    <div className="flex flex-col gap-2">
      {job?.status === 'failed' && (
        <p role="alert" className="text-danger text-sm">
          {job.error?.message ?? 'The picture could not be drawn; try again.'}
        </p>
      )}
      {/* Both start at fixed places: text that is pushed around four times a second cannot be read. */}
      <p className="grid grid-cols-[5.5rem_1fr] text-xs tabular-nums">
        <span aria-live="polite" className={classes('font-medium text-ink-2', detail === '' && 'col-span-2')}>
          {label}
        </span>
        <span className="text-ink-3">{detail}</span>
      </p>
      <CardProgress label={label} fraction={fraction} isActive={isActive(card)} />
    </div>
  );
};

export const LiveCard = ({ card }: { card: JobCard }) => (
  <article
    data-card={card.job?.status ?? 'sending'}
    aria-label={card.request?.prompt ?? 'Workflow'}
    style={shapeOf(card)}
    className="live-card animate-rise rounded-xl border border-line bg-panel p-2"
  >
    <CardPictures card={card} isWorking={isActive(card)} />
    <div className="flex min-w-0 flex-col gap-2 p-1.5">
      <p className="line-clamp-3 text-base text-ink">{card.request?.prompt ?? 'Workflow'}</p>
      <CardFacts card={card} />
      <span className="flex-1" />
      <CardStatus card={card} />
      <div className="flex gap-1.5 empty:hidden">
        <CardActions card={card} />
      </div>
    </div>
  </article>
);

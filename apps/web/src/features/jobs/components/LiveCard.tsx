'use client';
import { Button } from '../../../ui/Button.tsx';
import { isActive, type JobCard } from '../cards.ts';
import { describeCard } from '../describe.ts';
import { cancelCard } from '../submit.ts';
import { CardFailure } from './CardFailure.tsx';
import { CardPictures } from './CardPictures.tsx';
import { CardProgress } from './CardProgress.tsx';

export const LiveCard = ({ card }: { card: JobCard }) => {
  const { label, detail, fraction } = describeCard(card);
  const isWorking = isActive(card);
  const hasEndedBadly = card.job?.status === 'failed' || card.job?.status === 'cancelled';
  return (
    <article
      data-card={card.job?.status ?? 'sending'}
      aria-label={card.request?.prompt ?? 'Workflow'}
      className="flex min-w-60 max-w-full animate-rise flex-col gap-2 max-sm:w-full"
    >
      <CardPictures card={card} isWorking={isWorking} />
      {isWorking && <CardProgress label={label} fraction={fraction} />}
      <div className="flex w-0 min-w-full items-start gap-3">
        <div className="min-w-0 flex-1">
          <p className="line-clamp-1 text-ink text-sm">{card.request?.prompt ?? 'Workflow'}</p>
          <p className="text-ink-3 text-xs tabular-nums">
            <span aria-live="polite">{label}</span>
            {detail && <span className="ml-1.5 font-mono text-2xs">{detail}</span>}
          </p>
        </div>
        {isWorking && (
          <Button size="sm" look="quiet" onClick={() => cancelCard(card.key)} disabled={card.isCancelAsked}>
            Cancel
          </Button>
        )}
      </div>
      {hasEndedBadly && <CardFailure card={card} />}
    </article>
  );
};

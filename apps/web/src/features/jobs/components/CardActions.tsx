'use client';
import { Maximize2, RotateCw, X } from 'lucide-react';
import { Button } from '../../../ui/Button.tsx';
import { openPicture } from '../../picture/route.ts';
import { isActive, type JobCard } from '../cards.ts';
import { dropCard } from '../store.ts';
import { cancelCard, submitJob } from '../submit.ts';

/** What can be done now: cancel while it runs; open what is done; after a failure the same wish again, or out of sight. */
export const CardActions = ({ card }: { card: JobCard }) => {
  const { job, request, size, key } = card;
  if (isActive(card)) {
    return (
      <Button size="sm" onClick={() => cancelCard(key)} disabled={card.isCancelAsked}>
        <X aria-hidden className="size-3.5" />
        Cancel
      </Button>
    );
  }
  if (job?.status === 'succeeded') {
    const [first] = job.assets;
    return first ? (
      <Button size="sm" onClick={() => openPicture(first.id)}>
        <Maximize2 aria-hidden className="size-3.5" />
        Open
      </Button>
    ) : null;
  }
  return (
    <>
      {request && (
        <Button
          size="sm"
          onClick={() => {
            dropCard(key);
            void submitJob(request, size);
          }}
        >
          <RotateCw aria-hidden className="size-3.5" />
          Try again
        </Button>
      )}
      <Button size="sm" look="quiet" onClick={() => dropCard(key)}>
        Dismiss
      </Button>
    </>
  );
};

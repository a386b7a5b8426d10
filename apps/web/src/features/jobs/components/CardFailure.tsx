'use client';
import { RotateCw } from 'lucide-react';
import { Button } from '../../../ui/Button.tsx';
import type { JobCard } from '../cards.ts';
import { dropCard } from '../store.ts';
import { submitJob } from '../submit.ts';

/** The engine's own sentence, and the same wish again. */
export const CardFailure = ({ card }: { card: JobCard }) => {
  const { job, request, size, key } = card;
  const retry = () => {
    if (!request) return;
    dropCard(key);
    void submitJob(request, size);
  };
  return (
    <div className="flex flex-col gap-2">
      {job?.status === 'failed' && (
        <p role="alert" className="max-w-prose text-danger text-sm">
          {job.error?.message ?? 'The picture could not be drawn; try again.'}
        </p>
      )}
      <div className="flex gap-2">
        {request && (
          <Button size="sm" onClick={retry}>
            <RotateCw aria-hidden className="size-3.5" />
            Try again
          </Button>
        )}
        <Button size="sm" look="quiet" onClick={() => dropCard(key)}>
          Dismiss
        </Button>
      </div>
    </div>
  );
};

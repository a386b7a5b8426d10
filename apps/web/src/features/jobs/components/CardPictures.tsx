'use client';
import { useRef } from 'react';
import { classes } from '../../../ui/classes.ts';
import type { JobCard } from '../cards.ts';
import { gridOf } from '../grid.ts';
import { usePreview } from '../hooks/usePreview.ts';
import { FinishedPicture } from './FinishedPicture.tsx';

interface CardPicturesProps {
  card: JobCard;
  isWorking: boolean;
}

const cellsOf = ({ count, job }: JobCard) =>
  Array.from({ length: count }, (_, index) => ({
    index,
    asset: job?.assets.find((picture) => picture.index === index),
  }));

/** One box whose shape is known before anything is drawn: waiting, previews and pictures all live in it. */
export const CardPictures = ({ card, isWorking }: CardPicturesProps) => {
  const { job, request } = card;
  /** The engine previews the first picture of a batch; the others wait behind their sheen. */
  const canvas = useRef<HTMLCanvasElement>(null);
  usePreview(job?.id, canvas);

  return (
    <div
      style={{ gridTemplateColumns: `repeat(${gridOf(card).columns}, 1fr)` }}
      className="grid aspect-(--aspect) min-w-0 gap-px self-start overflow-hidden rounded-lg bg-sunken"
    >
      {cellsOf(card).map(({ index, asset }) => (
        <div
          key={index}
          className={classes(
            'relative overflow-hidden bg-hover',
            isWorking ? 'sheen' : 'not-has-[img]:opacity-35 not-has-[img]:grayscale',
          )}
        >
          {index === 0 && (
            <canvas ref={canvas} width={1} height={1} aria-hidden className="absolute inset-0 size-full" />
          )}
          {asset && <FinishedPicture asset={asset} alt={request?.prompt ?? 'Picture'} />}
        </div>
      ))}
    </div>
  );
};

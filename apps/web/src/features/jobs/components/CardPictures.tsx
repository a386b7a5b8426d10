'use client';
import type { Asset } from '@studio/contracts';
import { type CSSProperties, useRef, useState } from 'react';
import { classes } from '../../../ui/classes.ts';
import { openPicture } from '../../picture/route.ts';
import type { JobCard } from '../cards.ts';
import { usePreview } from '../hooks/usePreview.ts';

interface FinishedPictureProps {
  asset: Asset;
  alt: string;
}

/** Fades in over the last preview, in the same box, once every pixel is there. */
const FinishedPicture = ({ asset, alt }: FinishedPictureProps) => {
  const [isLoaded, setIsLoaded] = useState(false);
  return (
    <button
      type="button"
      onClick={() => openPicture(asset.id)}
      aria-label={`Open picture ${asset.index + 1}: ${alt}`}
      className="group absolute inset-0 focus-visible:outline-offset-[-3px]"
    >
      <img
        src={asset.url}
        alt=""
        width={asset.width}
        height={asset.height}
        onLoad={() => setIsLoaded(true)}
        className={classes(
          'size-full object-cover transition-[opacity,filter] duration-300 group-hover:brightness-105',
          !isLoaded && 'opacity-0',
        )}
      />
    </button>
  );
};

export const columnsFor = (count: number): number => (count === 1 ? 1 : count <= 4 ? 2 : count <= 6 ? 3 : 4);

interface FrameStyle extends CSSProperties {
  '--aspect': number;
}

/** One box whose shape is known before anything is drawn: waiting, previews and pictures all live in it. */
export const CardPictures = ({ card, isWorking }: { card: JobCard; isWorking: boolean }) => {
  const { size, count, job, request } = card;
  const canvases = useRef<(HTMLCanvasElement | null)[]>([]);
  usePreview(job?.id, canvases, card);

  const columns = columnsFor(count);
  const rows = Math.ceil(count / columns);
  const frame: FrameStyle = {
    '--aspect': (columns * size.width) / (rows * size.height),
    gridTemplateColumns: `repeat(${columns}, 1fr)`,
  };
  return (
    <div
      style={frame}
      className="grid aspect-(--aspect) w-[min(100%,calc(var(--card-height)*var(--aspect)))] gap-px overflow-hidden rounded-lg bg-sunken"
    >
      {Array.from({ length: count }, (_, index) => {
        const asset = job?.assets.find((picture) => picture.index === index);
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: the place in the batch is the identity of a cell
          <div key={index} className={classes('relative overflow-hidden bg-raised', isWorking && 'sheen')}>
            <canvas
              ref={(canvas) => {
                canvases.current[index] = canvas;
              }}
              width={1}
              height={1}
              aria-hidden
              className="absolute inset-0 size-full"
            />
            {asset && <FinishedPicture asset={asset} alt={request?.prompt ?? 'Picture'} />}
          </div>
        );
      })}
    </div>
  );
};

'use client';
import type { Asset } from '@studio/contracts';
import { useState } from 'react';
import { classes } from '../../../ui/classes.ts';
import { openPicture } from '../../picture/route.ts';

interface FinishedPictureProps {
  asset: Asset;
  alt: string;
}

/** Fades in over the last preview, in the same box, once every pixel is there. */
export const FinishedPicture = ({ asset, alt }: FinishedPictureProps) => {
  const [isLoaded, setIsLoaded] = useState(false);
  return (
    <button
      type="button"
      data-asset={asset.id}
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

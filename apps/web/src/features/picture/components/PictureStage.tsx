'use client';
import type { Asset } from '@studio/contracts';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { useEffect } from 'react';
import { IconButton } from '../../../ui/IconButton.tsx';

/** A small picture is enlarged so far and no further: beyond that it is only blur. */
const largestScale = 4;

interface PictureStageProps {
  asset: Asset;
  newer: Asset | undefined;
  older: Asset | undefined;
  onGo: (asset: Asset) => void;
}

const usePreload = (...assets: (Asset | undefined)[]) => {
  const urls = assets.map((asset) => asset?.url ?? '').join(' ');
  useEffect(() => {
    for (const url of urls.split(' ').filter(Boolean)) new Image().src = url;
  }, [urls]);
};

export const PictureStage = ({ asset, newer, older, onGo }: PictureStageProps) => {
  usePreload(newer, older);
  const { width, height } = asset;
  return (
    <div className="relative grid min-h-0 min-w-0 flex-1 place-items-center bg-sunken p-4 max-lg:min-h-[46dvh] lg:px-16 lg:py-8">
      <img
        key={asset.id}
        src={asset.url}
        alt={asset.params?.prompt ?? 'Picture'}
        width={width}
        height={height}
        className="h-auto max-h-full w-full animate-appear rounded-md object-contain max-lg:max-h-[64dvh]"
        style={{ maxWidth: `min(${width * largestScale}px, 100%)`, aspectRatio: `${width} / ${height}` }}
      />
      <IconButton
        label="Newer picture"
        disabled={!newer}
        onClick={() => newer && onGo(newer)}
        className="absolute! top-1/2 left-3 -translate-y-1/2 bg-panel max-lg:hidden"
      >
        <ChevronLeft aria-hidden className="size-5" />
      </IconButton>
      <IconButton
        label="Older picture"
        disabled={!older}
        onClick={() => older && onGo(older)}
        className="absolute! top-1/2 right-3 -translate-y-1/2 bg-panel max-lg:hidden"
      >
        <ChevronRight aria-hidden className="size-5" />
      </IconButton>
    </div>
  );
};

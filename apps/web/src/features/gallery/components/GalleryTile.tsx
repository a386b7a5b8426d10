'use client';
import type { Asset } from '@studio/contracts';
import { memo } from 'react';
import { openPicture, pathOfPicture } from '../../picture/route.ts';

interface GalleryTileProps {
  asset: Asset;
  width: number;
  height: number;
}

export const GalleryTile = memo(({ asset, width, height }: GalleryTileProps) => (
  <a
    href={pathOfPicture(asset.id)}
    data-asset={asset.id}
    aria-label={asset.params?.prompt ?? 'Picture'}
    onClick={(event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      openPicture(asset.id);
    }}
    style={{ width, height }}
    className="group relative block shrink-0 overflow-hidden rounded-md bg-raised"
  >
    <img
      src={asset.url}
      alt=""
      width={asset.width}
      height={asset.height}
      loading="lazy"
      decoding="async"
      className="size-full object-cover"
    />
    <span className="pointer-events-none absolute inset-x-0 bottom-0 line-clamp-2 translate-y-1 bg-scrim px-2 py-1.5 text-2xs text-on-scrim opacity-0 transition group-hover:translate-y-0 group-hover:opacity-100 group-focus-visible:translate-y-0 group-focus-visible:opacity-100 touch:hidden">
      {asset.params?.prompt}
    </span>
  </a>
));
GalleryTile.displayName = 'GalleryTile';

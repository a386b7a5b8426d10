'use client';
import { useCallback, useMemo, useRef } from 'react';
import { Button } from '../../../ui/Button.tsx';
import { Notice } from '../../../ui/Notice.tsx';
import { shownAssets } from '../../jobs/cards.ts';
import { useJobs } from '../../jobs/store.ts';
import { toSentence } from '../../session/sentence.ts';
import { type AssetPages, listAssetsOf } from '../asset-pages.ts';
import { groupByDay } from '../days.ts';
import { useReached } from '../hooks/useReached.ts';
import { useWidth } from '../hooks/useWidth.ts';
import { useAssetPages } from '../queries.ts';
import { GalleryDay } from './GalleryDay.tsx';
import { GalleryEmpty } from './GalleryEmpty.tsx';
import { GallerySkeleton } from './GallerySkeleton.tsx';

/** Pictures that a card above still shows come here when the card moves on. */
const useGalleryDays = (pages: Pick<AssetPages, 'pages'> | undefined) => {
  /** Text, because the cards change four times a second and what they show does not. */
  const shown = useJobs(({ cards }) =>
    shownAssets(cards)
      .map(({ id }) => id)
      .join(' '),
  );
  return useMemo(() => {
    const above = new Set<string>(shown.split(' '));
    return groupByDay(pages ? listAssetsOf(pages).filter(({ id }) => !above.has(id)) : []);
  }, [pages, shown]);
};

export const Gallery = () => {
  const { data, isPending, isError, error, refetch, hasNextPage, fetchNextPage, isFetching } = useAssetPages();
  const hasCards = useJobs((jobs) => jobs.cards.length > 0);
  const days = useGalleryDays(data);
  const frame = useRef<HTMLDivElement>(null);
  const end = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);

  const readOn = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);
  useReached(end, readOn);

  return (
    <div ref={frame} className="flex flex-col gap-7">
      {isPending && <GallerySkeleton />}
      {isError && (
        <Notice
          tone="danger"
          action={
            <Button size="sm" onClick={() => refetch()}>
              Try again
            </Button>
          }
        >
          {toSentence(error)}
        </Notice>
      )}
      {data && days.length === 0 && !hasCards && <GalleryEmpty />}
      {width > 0 && days.map((day) => <GalleryDay key={day.key} day={day} width={width} />)}
      <div ref={end} aria-hidden className="h-px" />
    </div>
  );
};

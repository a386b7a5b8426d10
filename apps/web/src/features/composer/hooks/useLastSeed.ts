'use client';
import { useAssetPages } from '../../gallery/queries.ts';
import { useJobs } from '../../jobs/store.ts';

/** The seed of the newest job whose answer is in, else of the newest picture. */
export const useLastSeed = (): number | null => {
  const { data } = useAssetPages();
  const ofJob = useJobs(({ cards }) => cards.find((card) => card.job?.params)?.job?.params?.seed);
  return ofJob ?? data?.pages[0]?.items.find(({ params }) => params !== null)?.params?.seed ?? null;
};

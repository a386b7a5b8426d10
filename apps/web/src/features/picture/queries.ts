'use client';
import { routes } from '@studio/client';
import type { Asset } from '@studio/contracts';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { listAssetsOf } from '../gallery/asset-pages.ts';
import { useAssetPages } from '../gallery/queries.ts';
import { client } from '../session/client.ts';
import { useSession } from '../session/store.ts';

/** The picture itself: from the gallery where that has it, else from the server. */
export const usePicture = (assetId: string) => {
  const isSignedIn = useSession((session) => session.status === 'in');
  const { assets } = useNeighbours(assetId);
  const known = assets.find(({ id }) => id === assetId);
  const query = useQuery({
    queryKey: ['asset', assetId],
    queryFn: ({ signal }) => client.call(routes.getAsset, { params: { id: assetId }, signal }),
    enabled: isSignedIn && known === undefined,
  });
  return { asset: known ?? query.data, error: query.error, retry: query.refetch };
};

interface Neighbours {
  readonly assets: readonly Asset[];
  readonly newer: Asset | undefined;
  readonly older: Asset | undefined;
}

const readAhead = 3;

/** The pictures to the left and right in the gallery; nearing its end reads on. */
export const useNeighbours = (assetId: string): Neighbours => {
  const { data, hasNextPage, isFetching, fetchNextPage } = useAssetPages();
  const assets = useMemo(() => (data ? listAssetsOf(data) : []), [data]);
  const place = assets.findIndex(({ id }) => id === assetId);
  const isNearEnd = place >= 0 && place >= assets.length - readAhead && hasNextPage && !isFetching;
  useEffect(() => {
    if (isNearEnd) void fetchNextPage();
  }, [isNearEnd, fetchNextPage]);
  return {
    assets,
    newer: place > 0 ? assets[place - 1] : undefined,
    older: place >= 0 ? assets[place + 1] : undefined,
  };
};

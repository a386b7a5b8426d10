'use client';
import { routes } from '@studio/client';
import type { Asset } from '@studio/contracts';
import { useInfiniteQuery } from '@tanstack/react-query';
import { client } from '../session/client.ts';
import { useSession } from '../session/store.ts';
import { queryClient } from '../studio/query-client.ts';
import { type AssetPages, insertAsset, removeAsset } from './asset-pages.ts';

export const assetsKey = ['assets'] as const;

/** The cursor of the first page. */
const noCursor: string = '';

export const useAssetPages = () => {
  const isSignedIn = useSession((session) => session.status === 'in');
  return useInfiniteQuery({
    queryKey: assetsKey,
    queryFn: ({ pageParam, signal }) =>
      client.call(routes.listAssets, {
        query: { limit: 60, ...(pageParam !== noCursor && { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: noCursor,
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
    enabled: isSignedIn,
  });
};

const editPages = (edit: (pages: AssetPages) => AssetPages) =>
  queryClient.setQueryData<AssetPages>(assetsKey, (pages) => pages && edit(pages));

export const showAsset = (asset: Asset) => editPages((pages) => insertAsset(pages, asset));

export const hideAsset = (assetId: string) => editPages((pages) => removeAsset(pages, assetId));

'use client';
import { routes } from '@studio/client';
import { useQuery } from '@tanstack/react-query';
import { client } from '../session/client.ts';
import { useSession } from '../session/store.ts';

const engineCheckMs = 2_000;
const modelsCheckMs = 20_000;

const optionsKey = ['generate-options'] as const;

/** What can be chosen; asked again every two seconds until an engine is there. */
export const useGenerateOptions = () => {
  const isSignedIn = useSession((session) => session.status === 'in');
  return useQuery({
    queryKey: optionsKey,
    queryFn: ({ signal }) => client.call(routes.getGenerateOptions, { signal }),
    enabled: isSignedIn,
    refetchInterval: ({ state }) => (state.data?.isEngineConnected ? modelsCheckMs : engineCheckMs),
  });
};

import { ApiError } from '@studio/client';
import { QueryClient } from '@tanstack/react-query';

const retries = 3;

/** A refusal stays a refusal; only a line that is down is worth another try. Events keep the cache fresh. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: false,
      retry: (failures, error) => !(error instanceof ApiError && error.status < 500) && failures < retries,
    },
  },
});

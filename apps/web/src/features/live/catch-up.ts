import { routes } from '@studio/client';
import { assetsKey } from '../gallery/queries.ts';
import { activeJobIds, showJob } from '../jobs/store.ts';
import { client } from '../session/client.ts';
import { queryClient } from '../studio/query-client.ts';

const readActiveJobs = async () => {
  const { items } = await client.call(routes.listJobs, { query: { status: 'active', limit: 50 } });
  for (const job of items.toReversed()) showJob(job);
  const active = new Set<string>(items.map(({ id }) => id));
  for (const id of activeJobIds().filter((open) => !active.has(open))) {
    showJob(await client.call(routes.getJob, { params: { id } }));
  }
  return items.length;
};

/** Reads again what events may have missed: the gallery, the active jobs, and the open cards that no longer are. */
export const catchUp = () => {
  void queryClient.invalidateQueries({ queryKey: assetsKey });
  void queryClient.fetchQuery({ queryKey: ['active-jobs'], queryFn: readActiveJobs, staleTime: 0 }).catch(() => null);
};

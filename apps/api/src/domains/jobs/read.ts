import type { Job, JobId, TeamId } from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import type { Tx } from '../../platform/db.ts';
import { listAssetsOfJobs, presentAsset } from '../assets/index.ts';
import { estimatePosition } from './position.ts';
import { presentJob } from './present.ts';
import { type JobRow, listJobsByIds, listWaitingJobs } from './queries.ts';
import { getQueueLoad } from './queue-load.ts';

type ReadDeps = Pick<Deps, 'bus' | 'config'>;

/** Places in line of all waiting jobs of a team, by id. */
export const estimatePositions = async (
  deps: Pick<Deps, 'bus'>,
  tx: Tx,
  teamId: TeamId,
): Promise<Map<JobId, number>> => {
  const positions = new Map<JobId, number>();
  for (const { id, queue, ahead, cost } of await listWaitingJobs(tx, teamId)) {
    const load = await getQueueLoad(deps, tx, queue);
    positions.set(id, estimatePosition(load, { teamId, ahead, cost }));
  }
  return positions;
};

const isWaiting = (row: JobRow): boolean => row.state === 'queued' || row.state === 'retry_wait';

export const positionsFor = async (
  deps: Pick<Deps, 'bus'>,
  tx: Tx,
  { teamId, rows }: { teamId: TeamId; rows: readonly JobRow[] },
): Promise<Map<JobId, number>> => (rows.some(isWaiting) ? estimatePositions(deps, tx, teamId) : new Map());

/** Rows as the contract shows them, in the same order: with their pictures and places in line. */
export const presentJobs = async (
  deps: ReadDeps,
  tx: Tx,
  { teamId, rows }: { teamId: TeamId; rows: readonly JobRow[] },
): Promise<Job[]> => {
  const positions = await positionsFor(deps, tx, { teamId, rows });
  const finished = rows.filter((row) => row.finished_at !== null).map((row) => row.id);
  const assets = Map.groupBy(await listAssetsOfJobs(tx, teamId, finished), (asset) => asset.job_id);
  return rows.map((row) =>
    presentJob(row, {
      position: positions.get(row.id) ?? 1,
      assets: (assets.get(row.id) ?? []).map((asset) => presentAsset(deps, asset)),
    }),
  );
};

/** Jobs of a team by id as the contract shows them; ids of other teams are left out. */
export const readJobs = async (
  deps: ReadDeps,
  tx: Tx,
  { teamId, ids }: { teamId: TeamId; ids: readonly JobId[] },
): Promise<Job[]> => presentJobs(deps, tx, { teamId, rows: await listJobsByIds(tx, teamId, ids) });

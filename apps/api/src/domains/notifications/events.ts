import type { Asset, AssetId, Job, JobId, StudioEvent, TeamId } from '@studio/contracts';
import { type Selectable, sql } from 'kysely';
import type { Deps } from '../../deps.ts';
import type { Database, Tx } from '../../platform/db.ts';
import { listAssetsByIds, presentAsset } from '../assets/index.ts';
import { readJobs } from '../jobs/index.ts';

type LoggedEvent = Selectable<Database['event']>;
export type NumberedEvent = Extract<StudioEvent, { seq: number }>;

/** More missed events than this are not replayed one by one: the client reads its lists again. */
const maxReplayed = 1_000;

export interface EventLog {
  /** In order; of several changes of one thing only the last. */
  readonly events: readonly NumberedEvent[];
  /** Everything up to this number has been looked at. */
  readonly seq: number;
  /** False: some events after `since` are no longer kept, or were too many. */
  readonly isComplete: boolean;
}

/** Newest number of the team's log, and the oldest that is kept. */
const readBounds = async (tx: Tx, teamId: TeamId): Promise<{ newest: number; oldest: number | null }> => {
  const { rows } = await sql<{ newest: number; oldest: number | null }>`
    select coalesce((select event_seq from team_queue where team_id = ${teamId}), 0) as newest,
           (select min(seq) from event where team_id = ${teamId}) as oldest`.execute(tx);
  return rows[0] ?? { newest: 0, oldest: null };
};

export const readNewestSeq = async (tx: Tx, teamId: TeamId): Promise<number> => (await readBounds(tx, teamId)).newest;

const listLogged = (tx: Tx, teamId: TeamId, range: { since: number; newest: number }): Promise<LoggedEvent[]> =>
  tx
    .selectFrom('event')
    .selectAll()
    .where('team_id', '=', teamId)
    .where('seq', '>', range.since)
    .where('seq', '<=', range.newest)
    .orderBy('seq')
    .limit(maxReplayed + 1)
    .execute();

/** Of several changes of one thing only the last counts, since what is sent is the present state. */
const lastPerSubject = (logged: readonly LoggedEvent[]): LoggedEvent[] =>
  [...new Map(logged.map((event) => [event.job_id ?? event.asset_id, event])).values()].sort((a, b) => a.seq - b.seq);

const present = (
  event: LoggedEvent,
  { jobs, assets }: { jobs: Map<string, Job>; assets: Map<string, Asset> },
): NumberedEvent[] => {
  const { seq, type } = event;
  const at = event.at.toISOString();
  const job = event.job_id && jobs.get(event.job_id);
  const asset = event.asset_id && assets.get(event.asset_id);
  if (type === 'job.updated') return job ? [{ type, seq, at, data: job }] : [];
  if (type === 'asset.deleted') return event.asset_id ? [{ type, seq, at, data: { assetId: event.asset_id } }] : [];
  // A picture that has been removed for good since then is told by nobody any more.
  return asset ? [{ type, seq, at, data: asset }] : [];
};

const byId = <T extends { readonly id: string }>(items: readonly T[]) =>
  new Map<string, T>(items.map((item) => [item.id, item]));

const presentAll = async (
  deps: Pick<Deps, 'bus' | 'config'>,
  tx: Tx,
  { teamId, logged }: { teamId: TeamId; logged: readonly LoggedEvent[] },
): Promise<NumberedEvent[]> => {
  const last = lastPerSubject(logged);
  const jobIds = last.flatMap((event): JobId[] => (event.job_id ? [event.job_id] : []));
  const assetIds = last.flatMap((event): AssetId[] => (event.asset_id ? [event.asset_id] : []));
  const jobs = byId(await readJobs(deps, tx, { teamId, ids: jobIds }));
  const assets = byId((await listAssetsByIds(tx, teamId, assetIds)).map((row) => presentAsset(deps, row)));
  return last.flatMap((event) => present(event, { jobs, assets }));
};

/** What has happened in a team after `since`. A `since` from the future means another database: nothing can be replayed. */
export const readEvents = async (
  deps: Pick<Deps, 'bus' | 'config'>,
  tx: Tx,
  { teamId, since }: { teamId: TeamId; since: number },
): Promise<EventLog> => {
  const { newest, oldest } = await readBounds(tx, teamId);
  if (since >= newest) return { events: [], seq: newest, isComplete: since === newest };
  const logged = await listLogged(tx, teamId, { since, newest });
  if (logged.length > maxReplayed) return { events: [], seq: newest, isComplete: false };
  const isComplete = oldest !== null && oldest <= since + 1;
  return { events: await presentAll(deps, tx, { teamId, logged }), seq: newest, isComplete };
};

import type { AssetId, JobId, TeamId } from '@studio/contracts';
import { type Insertable, type Selectable, sql } from 'kysely';
import type { Database, Tx } from '../../platform/db.ts';
import './tables.ts';

export type AssetRow = Selectable<Database['asset']>;
export type NewAsset = Insertable<Database['asset']>;

/** The gallery, newest first: kept pictures that are not in the trash. */
export const listAssets = (
  tx: Tx,
  { teamId, before, limit }: { teamId: TeamId; before: AssetId | undefined; limit: number },
): Promise<AssetRow[]> =>
  tx
    .selectFrom('asset')
    .selectAll()
    .where('team_id', '=', teamId)
    .where('is_kept', '=', true)
    .where('deleted_at', 'is', null)
    .$if(before !== undefined, (query) => query.where('id', '<', sql.val(before)))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();

export const findAsset = async (tx: Tx, teamId: TeamId, id: AssetId): Promise<AssetRow | null> =>
  (await tx.selectFrom('asset').selectAll().where('team_id', '=', teamId).where('id', '=', id).executeTakeFirst()) ??
  null;

export const listAssetsByIds = async (tx: Tx, teamId: TeamId, ids: readonly AssetId[]): Promise<AssetRow[]> =>
  ids.length === 0
    ? []
    : tx.selectFrom('asset').selectAll().where('team_id', '=', teamId).where('id', 'in', ids).execute();

/** Pictures of several jobs, in the order of each job's results; those in the trash are left out. */
export const listAssetsOfJobs = async (tx: Tx, teamId: TeamId, jobIds: readonly JobId[]): Promise<AssetRow[]> =>
  jobIds.length === 0
    ? []
    : tx
        .selectFrom('asset')
        .selectAll()
        .where('team_id', '=', teamId)
        .where('job_id', 'in', jobIds)
        .where('deleted_at', 'is', null)
        .orderBy('job_id')
        .orderBy('position')
        .execute();

/** Stores new pictures and announces those of the gallery in the team's event log. */
export const insertAssets = async (tx: Tx, assets: readonly NewAsset[]): Promise<void> => {
  if (assets.length === 0) return;
  await tx.insertInto('asset').values(assets).execute();
  const kept = assets.filter((asset) => asset.is_kept).map((asset) => asset.id);
  await sql`select append_event(asset.team_id, 'asset.created', null, asset.id)
    from asset where asset.id = any (${kept}) order by asset.id`.execute(tx);
};

/** True when this call moved it; a repeat changes nothing. Takes the team's row first, as every writer of events does. */
export const moveToTrash = async (tx: Tx, teamId: TeamId, id: AssetId): Promise<boolean> => {
  await lockTeam(tx, teamId);
  const result = await tx
    .updateTable('asset')
    .set({ deleted_at: sql<Date>`now()` })
    .where('team_id', '=', teamId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) return false;
  await sql`select append_event(${teamId}, 'asset.deleted', null, ${id})`.execute(tx);
  return true;
};

/** True when this call took it out of the trash. */
export const takeFromTrash = async (tx: Tx, teamId: TeamId, id: AssetId): Promise<boolean> => {
  await lockTeam(tx, teamId);
  const result = await tx
    .updateTable('asset')
    .set({ deleted_at: null })
    .where('team_id', '=', teamId)
    .where('id', '=', id)
    .where('deleted_at', 'is not', null)
    .where('purged_at', 'is', null)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) return false;
  await sql`select append_event(${teamId}, 'asset.restored', null, ${id})`.execute(tx);
  return true;
};

const lockTeam = async (tx: Tx, teamId: TeamId): Promise<void> => {
  await sql`select from team_queue where team_id = ${teamId} for update`.execute(tx);
};

interface Expiry {
  readonly trashDays: number;
  readonly limit: number;
}

/** Marks what has lain in the trash too long, and previews older than a day, so that nobody can restore them any more. */
export const markForPurge = async (
  tx: Tx,
  { trashDays, limit }: Expiry,
): Promise<{ id: AssetId; blob_key: string }[]> => {
  const { rows } = await sql<{ id: AssetId; blob_key: string }>`
    with due as (
      select id from asset where deleted_at < now() - make_interval(days => ${trashDays})
      union select id from asset where not is_kept and created_at < now() - interval '1 day'
      limit ${limit}
    )
    update asset set purged_at = coalesce(purged_at, now()), deleted_at = coalesce(deleted_at, now())
      from due where asset.id = due.id returning asset.id, asset.blob_key`.execute(tx);
  return rows;
};

export const deleteAssets = async (tx: Tx, ids: readonly AssetId[]): Promise<void> => {
  if (ids.length > 0) await tx.deleteFrom('asset').where('id', 'in', ids).execute();
};

export const insertUploads = async (tx: Tx, uploads: readonly Insertable<Database['upload']>[]): Promise<void> => {
  await tx
    .insertInto('upload')
    .values(uploads)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
};

/** Takes over files that one attempt has put; returns those that were its own and unclaimed. */
export const claimUploads = async (
  tx: Tx,
  { jobId, attempt, keys }: { jobId: JobId; attempt: number; keys: readonly string[] },
): Promise<Set<string>> => {
  if (keys.length === 0) return new Set();
  const rows = await tx
    .deleteFrom('upload')
    .where('blob_key', 'in', keys)
    .where('job_id', '=', jobId)
    .where('attempt', '=', attempt)
    .returning('blob_key')
    .execute();
  return new Set(rows.map((row) => row.blob_key));
};

/**
 * Files that no finalize claimed within an hour, which is longer than any attempt and its spooled finalize retries
 * (15 minutes) can take.
 */
export const listStaleUploads = async (tx: Tx, limit: number): Promise<string[]> => {
  const rows = await tx
    .selectFrom('upload')
    .select('blob_key')
    .where('created_at', '<', sql<Date>`now() - interval '1 hour'`)
    .orderBy('created_at')
    .limit(limit)
    .execute();
  return rows.map((row) => row.blob_key);
};

export const deleteUploads = async (tx: Tx, blobKeys: readonly string[]): Promise<void> => {
  if (blobKeys.length > 0) await tx.deleteFrom('upload').where('blob_key', 'in', blobKeys).execute();
};

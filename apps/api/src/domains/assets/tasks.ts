import type { Deps } from '../../deps.ts';
import { deleteAssets, deleteUploads, listStaleUploads, markForPurge } from './queries.ts';

const filesPerTurn = 200;

/**
 * Removes for good what has been in the trash for the configured days. Marked first, then the bytes, then the row: a
 * crash in between leaves a marked row, and the next turn goes on from there.
 */
export const purgeTrash = async ({ db, blob, config }: Pick<Deps, 'db' | 'blob' | 'config'>): Promise<void> => {
  const due = await db.tx('system', (tx) =>
    markForPurge(tx, { trashDays: config.assetsTrashDays, limit: filesPerTurn }),
  );
  for (const asset of due) await blob.remove(asset.blob_key);
  const ids = due.map((asset) => asset.id);
  await db.tx('system', (tx) => deleteAssets(tx, ids));
};

/** Removes files that engines put and no finished job claimed. */
export const sweepUploads = async ({ db, blob }: Pick<Deps, 'db' | 'blob'>): Promise<void> => {
  const keys = await db.tx('system', (tx) => listStaleUploads(tx, filesPerTurn));
  for (const key of keys) await blob.remove(key);
  await db.tx('system', (tx) => deleteUploads(tx, keys));
};

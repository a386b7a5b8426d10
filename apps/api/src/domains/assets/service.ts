import {
  type Asset,
  type AssetId,
  assetIdSchema,
  type EndpointInput,
  type EndpointResponse,
  type listAssets as listAssetsEndpoint,
} from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import type { Actor } from '../../platform/actor.ts';
import { AppError } from '../../platform/app-error.ts';
import type { OnCommit, Tx } from '../../platform/db.ts';
import { readCursor, toPage } from '../../platform/paging.ts';
import { recordAudit } from '../audit/index.ts';
import { presentAsset } from './present.ts';
import * as queries from './queries.ts';

export const listAssets = (
  deps: Pick<Deps, 'db' | 'config'>,
  { teamId }: Actor,
  { cursor, limit }: EndpointInput<typeof listAssetsEndpoint>['query'],
): Promise<EndpointResponse<typeof listAssetsEndpoint>> =>
  deps.db.tx({ teamId }, async (tx) => {
    const before = readCursor(assetIdSchema, cursor);
    const rows = await queries.listAssets(tx, { teamId, before, limit: limit + 1 });
    return toPage(
      rows.map((row) => presentAsset(deps, row)),
      limit,
    );
  });

const getRow = async (tx: Tx, { teamId }: Actor, id: AssetId): Promise<queries.AssetRow> => {
  const row = await queries.findAsset(tx, teamId, id);
  if (!row) throw new AppError('asset.not_found');
  return row;
};

export const getAsset = (deps: Pick<Deps, 'db' | 'config'>, actor: Actor, id: AssetId): Promise<Asset> =>
  deps.db.tx({ teamId: actor.teamId }, async (tx) => presentAsset(deps, await getRow(tx, actor, id)));

type Change = 'asset.delete' | 'asset.restore';

/** Records who did it and tells the team's open pages once it is durable. */
const announce = async (
  { tx, onCommit, bus }: { tx: Tx; onCommit: OnCommit; bus: Deps['bus'] },
  { actor, id, action }: { actor: Actor; id: AssetId; action: Change },
): Promise<void> => {
  await recordAudit(tx, { action, teamId: actor.teamId, userId: actor.userId, subjectId: id });
  onCommit(() => bus.publish('team.changed', { teamId: actor.teamId }));
};

/** Moves a picture to the trash, from which it can be restored for a while. Safe to repeat. */
export const deleteAsset = (deps: Pick<Deps, 'db' | 'bus' | 'config'>, actor: Actor, id: AssetId): Promise<Asset> =>
  deps.db.tx({ teamId: actor.teamId }, async (tx, onCommit) => {
    const isMoved = await queries.moveToTrash(tx, actor.teamId, id);
    if (isMoved) await announce({ tx, onCommit, bus: deps.bus }, { actor, id, action: 'asset.delete' });
    return presentAsset(deps, await getRow(tx, actor, id));
  });

/** Safe to repeat. Throws `asset.purged` once the bytes are gone or about to go. */
export const restoreAsset = (deps: Pick<Deps, 'db' | 'bus' | 'config'>, actor: Actor, id: AssetId): Promise<Asset> =>
  deps.db.tx({ teamId: actor.teamId }, async (tx, onCommit) => {
    const isTaken = await queries.takeFromTrash(tx, actor.teamId, id);
    if (isTaken) await announce({ tx, onCommit, bus: deps.bus }, { actor, id, action: 'asset.restore' });
    const row = await getRow(tx, actor, id);
    if (row.purged_at) throw new AppError('asset.purged');
    return presentAsset(deps, row);
  });

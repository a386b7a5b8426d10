import * as contracts from '@studio/contracts';
import { type Plugin, route } from '../../http/route.ts';
import { deleteAsset, getAsset, listAssets, restoreAsset } from './service.ts';

export const routes: readonly Plugin[] = [
  route(contracts.listAssets, { can: 'asset:read' }, ({ deps, actor, query }) => listAssets(deps, actor, query)),
  route(contracts.getAsset, { can: 'asset:read' }, ({ deps, actor, params }) => getAsset(deps, actor, params.id)),
  route(contracts.deleteAsset, { can: 'asset:delete' }, ({ deps, actor, params }) =>
    deleteAsset(deps, actor, params.id),
  ),
  route(contracts.restoreAsset, { can: 'asset:delete' }, ({ deps, actor, params }) =>
    restoreAsset(deps, actor, params.id),
  ),
];

import * as contracts from '@studio/contracts';
import { type Plugin, route } from '../../http/route.ts';
import { getNodeCatalogue, listModels } from './service.ts';

export const routes: readonly Plugin[] = [
  route(contracts.listModels, { can: 'model:read' }, ({ deps, actor, query }) => listModels(deps, actor, query)),
  route(contracts.getNodeCatalogue, { can: 'model:read' }, ({ deps, actor }) => getNodeCatalogue(deps, actor)),
];

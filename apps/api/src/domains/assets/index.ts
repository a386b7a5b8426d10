import { domain } from '../../http/route.ts';
import { routes } from './routes.ts';

export { presentAsset } from './present.ts';
export {
  type AssetRow,
  claimUploads,
  insertAssets,
  insertUploads,
  listAssetsByIds,
  listAssetsOfJobs,
  type NewAsset,
} from './queries.ts';
export { purgeTrash, sweepUploads } from './tasks.ts';

export const assets = domain(routes);

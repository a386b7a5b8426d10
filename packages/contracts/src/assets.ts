import { z } from 'zod';
import { defineEndpoint } from './endpoint.ts';
import { assetIdSchema, jobIdSchema } from './ids.ts';
import { pageOf, pageQuerySchema } from './paging.ts';
import { resolvedTxt2imgParamsSchema } from './txt2img.ts';

export const assetSchema = z
  .object({
    id: assetIdSchema,
    jobId: jobIdSchema,
    /** Place in the job's batch, from 0. */
    index: z.int(),
    width: z.int(),
    height: z.int(),
    contentType: z.string(),
    sizeBytes: z.int(),
    sha256: z.string(),
    /** Signed; works in an <img> for at least an hour. */
    url: z.string(),
    /** Signed; answers with Content-Disposition: attachment. */
    downloadUrl: z.string(),
    /** The request that drew it; null for a picture of a free graph. */
    params: resolvedTxt2imgParamsSchema.nullable(),
    createdAt: z.iso.datetime(),
    deletedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Asset' });
export type Asset = z.infer<typeof assetSchema>;

const assetParams = z.object({ id: assetIdSchema });

export const listAssets = defineEndpoint({
  id: 'listAssets',
  method: 'GET',
  path: '/api/v1/assets',
  tag: 'Assets',
  summary: 'Pictures of your team, newest first',
  auth: 'user',
  query: pageQuerySchema,
  status: 200,
  response: pageOf(assetSchema),
  errors: [],
});

export const getAsset = defineEndpoint({
  id: 'getAsset',
  method: 'GET',
  path: '/api/v1/assets/{id}',
  tag: 'Assets',
  summary: 'One picture with everything that drew it',
  auth: 'user',
  params: assetParams,
  status: 200,
  response: assetSchema,
  errors: ['asset.not_found'],
});

export const deleteAsset = defineEndpoint({
  id: 'deleteAsset',
  method: 'DELETE',
  path: '/api/v1/assets/{id}',
  tag: 'Assets',
  summary: 'Move a picture to the trash; safe to repeat',
  auth: 'user',
  params: assetParams,
  status: 200,
  response: assetSchema,
  errors: ['asset.not_found'],
});

export const restoreAsset = defineEndpoint({
  id: 'restoreAsset',
  method: 'POST',
  path: '/api/v1/assets/{id}/restore',
  tag: 'Assets',
  summary: 'Take a picture back out of the trash; safe to repeat',
  auth: 'user',
  params: assetParams,
  status: 200,
  response: assetSchema,
  errors: ['asset.not_found', 'asset.purged'],
});

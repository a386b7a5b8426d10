import type { Asset } from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import { signBlobLink } from '../../platform/blob-links.ts';
import { findExtension } from '../../platform/content-types.ts';
import type { AssetRow } from './queries.ts';

/** Links are signed here, at the moment of answering; nothing signed is ever stored. */
export const presentAsset = ({ config }: Pick<Deps, 'config'>, row: AssetRow): Asset => ({
  id: row.id,
  jobId: row.job_id,
  index: row.position,
  width: row.width,
  height: row.height,
  contentType: row.content_type,
  sizeBytes: row.size_bytes,
  sha256: row.sha256,
  url: signBlobLink(config, { kind: 'read', key: row.blob_key }),
  downloadUrl: signBlobLink(config, { kind: 'read', key: row.blob_key, downloadName: downloadName(row) }),
  params: row.params,
  createdAt: row.created_at.toISOString(),
  deletedAt: row.deleted_at?.toISOString() ?? null,
});

const maxSubjectLength = 60;

/** The first words of the prompt, then the id, so that a folder of downloads can be read and nothing overwrites. */
const downloadName = (row: AssetRow): string => {
  const words = (row.params?.prompt ?? '').normalize('NFC').match(/[\p{L}\p{N}]+/gu) ?? [];
  const subject = words.join('-').slice(0, maxSubjectLength).replace(/-$/, '');
  const tail = row.id.slice(-6);
  return `${subject === '' ? 'picture' : subject}-${tail}.${findExtension(row.content_type) ?? 'bin'}`;
};

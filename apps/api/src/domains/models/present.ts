import type { Model } from '@studio/contracts';
import type { ModelRow } from './queries.ts';

export const presentModel = (row: ModelRow): Model => ({
  id: row.id,
  name: row.name,
  title: row.title,
  kind: row.kind,
  family: row.family,
  sha256: row.sha256,
  sizeBytes: row.size_bytes,
  license: row.license,
  defaults: row.defaults,
  problem: row.problem,
  createdAt: row.created_at.toISOString(),
});

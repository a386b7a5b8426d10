import type { NodeCatalogue } from '@studio/contracts';
import { mergeCatalogues } from '@studio/graph';
import type { Tx } from '../../platform/db.ts';
import { listCatalogueHashes, listCatalogues } from './queries.ts';

export interface KnownNodes {
  readonly catalogue: NodeCatalogue;
  readonly isEngineConnected: boolean;
}

/** Keyed by content, so an entry is never stale. A full catalogue of ComfyUI's size takes about 2 MB in memory. */
const merged = new Map<string, NodeCatalogue>();
const maxKept = 8;

const keep = (key: string, catalogue: NodeCatalogue): NodeCatalogue => {
  merged.set(key, catalogue);
  const [oldest] = merged.keys();
  if (merged.size > maxKept && oldest !== undefined) merged.delete(oldest);
  return catalogue;
};

/** Every node that some known engine has; empty when there is none. Reads one small row set when nothing changed. */
export const getKnownNodes = async (tx: Tx): Promise<KnownNodes> => {
  const { hashes, isEngineConnected } = await listCatalogueHashes(tx);
  const key = hashes.join();
  const known = merged.get(key);
  if (known) return { catalogue: known, isEngineConnected };
  if (hashes.length === 0) return { catalogue: {}, isEngineConnected };
  const rows = new Map((await listCatalogues(tx, hashes)).map((row) => [row.sha256, row.catalogue]));
  const catalogues = hashes.map((hash) => rows.get(hash)).filter((catalogue) => catalogue !== undefined);
  return { catalogue: keep(key, mergeCatalogues(catalogues)), isEngineConnected };
};

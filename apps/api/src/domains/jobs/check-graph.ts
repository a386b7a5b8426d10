import { assetIdSchema, type Graph, type NodeErrors, type TeamId } from '@studio/contracts';
import { validateGraph } from '@studio/graph';
import { AppError } from '../../platform/app-error.ts';
import type { Tx } from '../../platform/db.ts';
import { type AssetRow, listAssetsByIds } from '../assets/index.ts';
import type { KnownNodes } from '../models/index.ts';

/** Nodes that load a picture of the team, which `image` names by its id. */
const pictureLoaders = new Set(['LoadImage', 'LoadImageMask', 'LoadImageOutput']);

/** Pictures that the graph loads. Names that are none of the team's ids are left out. */
export const listGraphImages = async (tx: Tx, teamId: TeamId, graph: Graph): Promise<AssetRow[]> => {
  const ids = Object.values(graph).flatMap((node) => {
    const id = pictureLoaders.has(node.class_type) ? assetIdSchema.safeParse(node.inputs.image).data : undefined;
    return id ? [id] : [];
  });
  return ids.length === 0 ? [] : listAssetsByIds(tx, teamId, [...new Set(ids)]);
};

interface Question {
  readonly graph: Graph;
  readonly nodes: KnownNodes;
  /** What `listGraphImages` found. */
  readonly images: readonly AssetRow[];
}

/** What keeps some outputs from running; throws the coded reason where no known engine can run any. */
export const checkGraph = ({ graph, nodes, images }: Question): NodeErrors => {
  if (Object.keys(nodes.catalogue).length === 0) throw new AppError('generate.no_engine');
  const pictures = new Set<string>(images.filter((image) => image.purged_at === null).map((image) => image.id));
  const verdict = validateGraph({ graph, catalogue: nodes.catalogue, pictures });
  if (verdict.ok) return verdict.nodeErrors;
  const { code, nodeErrors, nodeIds } = verdict;
  throw new AppError(code, { details: { nodeErrors, nodeIds } });
};

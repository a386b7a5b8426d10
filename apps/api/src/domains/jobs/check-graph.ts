import { assetIdSchema, type Graph, type NodeErrors, type TeamId } from '@studio/contracts';
import { validateGraph } from '@studio/graph';
import { AppError } from '../../platform/app-error.ts';
import type { Tx } from '../../platform/db.ts';
import { type AssetRow, listAssetsByIds } from '../assets/index.ts';
import type { KnownNodes } from '../models/index.ts';

/** Throws the coded reason why no known engine can run the graph. */
export const checkGraph = (graph: Graph, { catalogue }: KnownNodes): void => {
  if (Object.keys(catalogue).length === 0) throw new AppError('generate.no_engine');
  const verdict = validateGraph(graph, catalogue);
  if (verdict.ok) return;
  const { code, nodeErrors, nodeIds } = verdict;
  throw new AppError(code, { details: { nodeErrors, nodeIds } });
};

/** What the LoadImage nodes of a graph name: pictures of the team, by id. */
const namedImages = (graph: Graph): { nodeId: string; name: string }[] =>
  Object.entries(graph).flatMap(([nodeId, node]) =>
    node.class_type === 'LoadImage' && typeof node.inputs.image === 'string'
      ? [{ nodeId, name: node.inputs.image }]
      : [],
  );

/** Pictures that the graph loads. Names that are none of the team's ids are left out. */
export const listGraphImages = (tx: Tx, teamId: TeamId, graph: Graph): Promise<AssetRow[]> => {
  const ids = namedImages(graph).flatMap(({ name }) => {
    const id = assetIdSchema.safeParse(name).data;
    return id ? [id] : [];
  });
  return listAssetsByIds(tx, teamId, [...new Set(ids)]);
};

/** Throws `graph.invalid` when the graph loads a picture that the team does not have. */
export const checkGraphImages = async (tx: Tx, teamId: TeamId, graph: Graph): Promise<void> => {
  const images = namedImages(graph);
  if (images.length === 0) return;
  const rows = await listGraphImages(tx, teamId, graph);
  const present = new Set<string>(rows.filter((row) => row.purged_at === null).map((row) => row.id));
  const missing = images.filter(({ name }) => !present.has(name));
  if (missing.length === 0) return;
  const nodeErrors: NodeErrors = Object.fromEntries(
    missing.map(({ nodeId, name }) => [
      nodeId,
      {
        errors: [
          {
            type: 'value_not_in_list',
            message: 'There is no such picture in your team',
            details: `image: '${name.slice(0, 100)}'`,
            extra_info: { input_name: 'image', received_value: name },
          },
        ],
        dependent_outputs: [],
        class_type: 'LoadImage',
      },
    ]),
  );
  throw new AppError('graph.invalid', { details: { nodeErrors, nodeIds: Object.keys(nodeErrors) } });
};

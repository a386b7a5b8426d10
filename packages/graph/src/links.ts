import { type Graph, type GraphLink, type GraphNode, graphLinkSchema } from '@studio/contracts';

/** The link an input value is, or null. ComfyUI takes every list for a link; one that is none is an error. */
export const toLink = (value: unknown): GraphLink | null => {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const parsed = graphLinkSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
};

/** Every well-formed link of a node with the input that holds it. */
export const linkedInputs = (node: GraphNode): readonly (readonly [input: string, link: GraphLink])[] =>
  Object.entries(node.inputs).flatMap(([input, value]) => {
    const link = toLink(value);
    return link ? [[input, link] as const] : [];
  });

/** Ids of the nodes that `node` reads from and that exist. */
export const sourceIds = (graph: Graph, node: GraphNode): string[] =>
  linkedInputs(node).flatMap(([, [id]]) => (Object.hasOwn(graph, id) ? [id] : []));

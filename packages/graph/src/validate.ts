import type { Graph, NodeCatalogue, NodeDefinition, NodeErrors } from '@studio/contracts';
import { checkNode } from './check-node.ts';
import { sourceIds } from './links.ts';
import { findCycle, reach } from './order.ts';

export interface GraphProblem {
  readonly ok: false;
  readonly code: 'graph.invalid' | 'graph.cycle' | 'graph.unknown_node' | 'graph.no_output';
  /** Reasons per node; empty where the problem is the graph's as a whole. */
  readonly nodeErrors: NodeErrors;
  /** The nodes the problem is about: the cycle in link order, or those of an unknown class. */
  readonly nodeIds: readonly string[];
}
export type GraphVerdict = { readonly ok: true } | GraphProblem;

/** Each reported node costs one walk to the outputs that need it; beyond these a list helps nobody. */
const maxReportedNodes = 100;

const problem = (code: GraphProblem['code'], nodeIds: readonly string[] = [], nodeErrors: NodeErrors = {}) =>
  ({ ok: false, code, nodeErrors, nodeIds }) as const;

const consumersOf = (graph: Graph): Map<string, string[]> => {
  const consumers = new Map<string, string[]>();
  for (const [id, node] of Object.entries(graph)) {
    for (const source of sourceIds(graph, node)) {
      const known = consumers.get(source);
      if (known) known.push(id);
      else consumers.set(source, [id]);
    }
  }
  return consumers;
};

const definitionOf = (catalogue: NodeCatalogue, classType: string): NodeDefinition | undefined =>
  Object.hasOwn(catalogue, classType) ? catalogue[classType] : undefined;

const collectErrors = (graph: Graph, catalogue: NodeCatalogue, outputs: readonly string[]): NodeErrors => {
  const needed = reach(outputs, (id) => {
    const node = graph[id];
    return node ? sourceIds(graph, node) : [];
  });
  const consumers = consumersOf(graph);
  const nodeErrors: NodeErrors = {};
  let reported = 0;
  for (const [id, node] of Object.entries(graph)) {
    const definition = definitionOf(catalogue, node.class_type);
    if (!definition || !needed.has(id) || reported === maxReportedNodes) continue;
    const errors = checkNode({ graph, catalogue }, node, definition);
    if (errors.length === 0) continue;
    const dependents = reach([id], (from) => consumers.get(from) ?? []);
    nodeErrors[id] = {
      errors,
      dependent_outputs: outputs.filter((output) => dependents.has(output)),
      class_type: node.class_type,
    };
    reported++;
  }
  return nodeErrors;
};

/**
 * Whether an engine that knows `catalogue` can run `graph`, with reasons in ComfyUI's shape. Nodes from which no output
 * is reached never run, so only their class is checked. Linear in nodes + links.
 */
export const validateGraph = (graph: Graph, catalogue: NodeCatalogue): GraphVerdict => {
  const entries = Object.entries(graph);
  const unknown = entries.filter(([, node]) => !definitionOf(catalogue, node.class_type)).map(([id]) => id);
  if (unknown.length > 0) return problem('graph.unknown_node', unknown);
  const cycle = findCycle(graph);
  if (cycle) return problem('graph.cycle', cycle);
  const outputs = entries
    .filter(([, node]) => definitionOf(catalogue, node.class_type)?.output_node === true)
    .map(([id]) => id);
  if (outputs.length === 0) return problem('graph.no_output');
  const nodeErrors = collectErrors(graph, catalogue, outputs);
  const invalid = Object.keys(nodeErrors);
  return invalid.length === 0 ? { ok: true } : problem('graph.invalid', invalid, nodeErrors);
};

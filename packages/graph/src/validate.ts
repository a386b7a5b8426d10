import {
  type Graph,
  maxReportedNodes,
  type NodeCatalogue,
  type NodeDefinition,
  type NodeErrorReason,
  type NodeErrors,
} from '@studio/contracts';
import { checkNode, type GraphContext } from './check-node.ts';
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
export interface RunnableGraph {
  readonly ok: true;
  /** Why some outputs cannot run while others can; empty where all can. */
  readonly nodeErrors: NodeErrors;
}
export type GraphVerdict = RunnableGraph | GraphProblem;

const problem = (code: GraphProblem['code'], nodeIds: readonly string[] = [], nodeErrors: NodeErrors = {}) =>
  ({ ok: false, code, nodeErrors, nodeIds }) as const;

const readersOf = (graph: Graph): Map<string, string[]> => {
  const readers = new Map<string, string[]>();
  for (const [id, node] of Object.entries(graph)) {
    for (const source of sourceIds(graph, node)) {
      const known = readers.get(source);
      if (known) known.push(id);
      else readers.set(source, [id]);
    }
  }
  return readers;
};

const definitionOf = (catalogue: NodeCatalogue, classType: string): NodeDefinition | undefined =>
  Object.hasOwn(catalogue, classType) ? catalogue[classType] : undefined;

/** The part of a graph that leads to `outputs`. */
const ancestorsOf = (graph: Graph, outputs: readonly string[]): Graph => {
  const ids = reach(outputs, (id) => {
    const node = graph[id];
    return node ? sourceIds(graph, node) : [];
  });
  return Object.fromEntries(Object.entries(graph).filter(([id]) => ids.has(id)));
};

const findReasons = (context: GraphContext): Map<string, NodeErrorReason[]> => {
  const reasons = new Map<string, NodeErrorReason[]>();
  for (const [id, node] of Object.entries(context.graph)) {
    const definition = definitionOf(context.catalogue, node.class_type);
    const errors = definition ? checkNode(context, node, definition) : [];
    if (errors.length > 0) reasons.set(id, errors);
  }
  return reasons;
};

const judge = (graph: Graph, outputs: readonly string[], reasons: Map<string, NodeErrorReason[]>): GraphVerdict => {
  const readers = readersOf(graph);
  const readBy = (id: string) => readers.get(id) ?? [];
  const spoilt = reach(reasons.keys(), readBy);
  // Each reported node costs one walk to the outputs that need it.
  const reported = [...reasons].slice(0, maxReportedNodes).map(([id, errors]) => {
    const dependents = reach([id], readBy);
    const dependentOutputs = outputs.filter((output) => dependents.has(output));
    return [id, { errors, dependent_outputs: dependentOutputs, class_type: graph[id]?.class_type ?? '' }] as const;
  });
  const nodeErrors: NodeErrors = Object.fromEntries(reported);
  if (outputs.some((output) => !spoilt.has(output))) return { ok: true, nodeErrors };
  return problem('graph.invalid', Object.keys(nodeErrors), nodeErrors);
};

/**
 * Whether an engine that knows `catalogue` can run `graph`, with reasons in ComfyUI's shape: it can when at least one
 * output can. Nodes from which no output is reached never run, so only their class is checked. Linear in nodes + links.
 */
export const validateGraph = ({ graph, catalogue, pictures }: GraphContext): GraphVerdict => {
  const entries = Object.entries(graph);
  const unknown = entries.filter(([, node]) => !definitionOf(catalogue, node.class_type)).map(([id]) => id);
  if (unknown.length > 0) return problem('graph.unknown_node', unknown);
  const outputs = entries
    .filter(([, node]) => definitionOf(catalogue, node.class_type)?.output_node === true)
    .map(([id]) => id);
  if (outputs.length === 0) return problem('graph.no_output');
  const needed = ancestorsOf(graph, outputs);
  const cycle = findCycle(needed);
  if (cycle) return problem('graph.cycle', cycle);
  return judge(needed, outputs, findReasons({ graph: needed, catalogue, pictures }));
};

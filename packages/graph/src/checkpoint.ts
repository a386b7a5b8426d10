import type { Graph } from '@studio/contracts';

/**
 * The first checkpoint the graph loads, or null. The queue uses it to prefer an engine that has it in memory;
 * a graph with several waits in the lane of the first.
 */
export const findCheckpoint = (graph: Graph): string | null => {
  for (const node of Object.values(graph)) {
    const name = node.inputs.ckpt_name;
    if (typeof name === 'string' && name !== '') return name;
  }
  return null;
};

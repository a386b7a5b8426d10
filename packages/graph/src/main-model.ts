import type { Graph } from '@studio/contracts';

/** The inputs by which ComfyUI's loaders take a checkpoint, or a diffusion model alone. */
const modelInputs = ['ckpt_name', 'unet_name'] as const;

/**
 * The first checkpoint or diffusion model that the graph loads, or null. The queue uses it to find an engine that has
 * it, preferably in memory; a graph with several waits in the lane of the first.
 */
export const findMainModel = (graph: Graph): string | null => {
  for (const node of Object.values(graph)) {
    for (const input of modelInputs) {
      const name = node.inputs[input];
      if (typeof name === 'string' && name !== '') return name;
    }
  }
  return null;
};

import type { Graph, GraphNode } from '@studio/contracts';
import { linkedInputs } from './links.ts';

/** 512 x 512 pixels in 20 steps are one unit of work. */
const unitPixelSteps = 512 * 512 * 20;
/** A graph without a sampler still takes an engine for a moment. */
const minCost = 0.01;
const maxLatentHops = 100;

const numberInput = (node: GraphNode, input: string): number | null => {
  const value = node.inputs[input];
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : null;
};

const latentInput = /latent|samples/;

/** Follows the latent back to the node that sets its size; a size set elsewhere (an image) counts as 512 x 512. */
const latentPixels = (graph: Graph, sampler: GraphNode): number => {
  let node: GraphNode | undefined = sampler;
  for (let hop = 0; node && hop < maxLatentHops; hop++) {
    const [width, height] = [numberInput(node, 'width'), numberInput(node, 'height')];
    if (width && height) return width * height * (numberInput(node, 'batch_size') ?? 1);
    const source: string | undefined = linkedInputs(node).find(([input]) => latentInput.test(input))?.[1][0];
    node = source !== undefined && Object.hasOwn(graph, source) ? graph[source] : undefined;
  }
  return 512 * 512;
};

/** Estimated work in units of one 512 x 512 picture of 20 steps; it decides a team's share, so it only has to compare. */
export const estimateCost = (graph: Graph): number => {
  let cost = 0;
  for (const node of Object.values(graph)) {
    const steps = numberInput(node, 'steps');
    if (steps) cost += (latentPixels(graph, node) * steps * (numberInput(node, 'denoise') ?? 1)) / unitPixelSteps;
  }
  return Math.max(minCost, cost);
};

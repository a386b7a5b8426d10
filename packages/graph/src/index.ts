export { comboOptions, mergeCatalogues } from './catalogue.ts';
export type { GraphContext } from './check-node.ts';
export { estimateCost } from './cost.ts';
export { linkedInputs } from './links.ts';
export { findMainModel } from './main-model.ts';
export { txt2imgGraph } from './txt2img.ts';
export { type GraphProblem, type GraphVerdict, validateGraph } from './validate.ts';

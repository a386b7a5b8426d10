import { z } from 'zod';

/** A link to output `slot` of another node, as ComfyUI's API format writes it. */
export const graphLinkSchema = z.tuple([z.string(), z.int().min(0)]);
export type GraphLink = z.infer<typeof graphLinkSchema>;

export const graphNodeSchema = z.object({
  class_type: z.string().min(1).max(200),
  inputs: z.record(z.string().max(200), z.json()).default({}),
  _meta: z.object({ title: z.string().max(500).optional() }).optional(),
});
export type GraphNode = z.infer<typeof graphNodeSchema>;

/** ComfyUI's API format is our graph format; import is identity. */
export const graphSchema = z
  .record(z.string().min(1).max(200), graphNodeSchema)
  .refine((graph) => Object.keys(graph).length > 0, 'The graph is empty; add at least one node.')
  .refine((graph) => Object.keys(graph).length <= 2_000, 'The graph has more than 2,000 nodes; split it.')
  .meta({ id: 'Graph' });
export type Graph = z.infer<typeof graphSchema>;

/** `[TYPE | options, settings?]`, as in ComfyUI's object_info. */
export const nodeInputSpecSchema = z.union([
  z.tuple([z.union([z.string(), z.array(z.json())])]),
  z.tuple([z.union([z.string(), z.array(z.json())]), z.record(z.string(), z.json())]),
]);
export type NodeInputSpec = z.infer<typeof nodeInputSpecSchema>;

/** One entry of ComfyUI's object_info. */
export const nodeDefinitionSchema = z
  .object({
    input: z.object({
      required: z.record(z.string(), nodeInputSpecSchema).optional(),
      optional: z.record(z.string(), nodeInputSpecSchema).optional(),
      hidden: z.record(z.string(), z.json()).optional(),
    }),
    input_order: z.record(z.string(), z.array(z.string())),
    output: z.array(z.string()),
    output_is_list: z.array(z.boolean()),
    output_name: z.array(z.string()),
    name: z.string(),
    display_name: z.string(),
    description: z.string(),
    python_module: z.string(),
    category: z.string(),
    output_node: z.boolean(),
    output_tooltips: z.array(z.string()).optional(),
    deprecated: z.boolean().optional(),
    experimental: z.boolean().optional(),
    api_node: z.boolean().optional(),
    /** Inputs that the node itself judges: their bounds and lists bind nobody. ComfyUI keeps this to itself. */
    checked_inputs: z.array(z.string()).optional(),
  })
  .meta({ id: 'NodeDefinition' });
export type NodeDefinition = z.infer<typeof nodeDefinitionSchema>;

export const nodeCatalogueSchema = z.record(z.string(), nodeDefinitionSchema).meta({ id: 'NodeCatalogue' });
export type NodeCatalogue = z.infer<typeof nodeCatalogueSchema>;

/** ComfyUI's reason object. */
export const nodeErrorReasonSchema = z.object({
  type: z.string(),
  message: z.string(),
  details: z.string(),
  extra_info: z.record(z.string(), z.json()),
});
export type NodeErrorReason = z.infer<typeof nodeErrorReasonSchema>;

/** A graph with errors in more nodes is told about the first ones. */
export const maxReportedNodes = 100;

/**
 * Why nodes cannot run, by their id. For one that failed while it ran, `type` is the error's code and
 * `extra_info.inputs` what it had been given.
 */
export const nodeErrorsSchema = z
  .record(
    z.string(),
    z.object({
      errors: z.array(nodeErrorReasonSchema),
      /** The output nodes that it keeps from running. */
      dependent_outputs: z.array(z.string()),
      class_type: z.string(),
    }),
  )
  .refine((errors) => Object.keys(errors).length <= maxReportedNodes, `Report at most ${maxReportedNodes} nodes.`)
  .meta({ id: 'NodeErrors' });
export type NodeErrors = z.infer<typeof nodeErrorsSchema>;

import { z } from 'zod';
import { defineEndpoint } from './endpoint.ts';
import { modelIdSchema } from './ids.ts';
import { pageOf, pageQuerySchema } from './paging.ts';

/** What a model file is. Each kind lies in a folder of its own, named by ComfyUI's key in the plural: `checkpoints`, `loras` … */
export const modelKindSchema = z.enum([
  'checkpoint',
  'lora',
  'vae',
  'text_encoder',
  'diffusion_model',
  'controlnet',
  'embedding',
  'clip_vision',
  'style_model',
  'upscale_model',
  'hypernetwork',
  'gligen',
  'vae_approx',
  'photomaker',
  'model_patch',
  'background_removal',
  'ip_adapter',
]);
export type ModelKind = z.infer<typeof modelKindSchema>;

/** The settings a model looks best with; the studio starts from them. */
export const modelDefaultsSchema = z.object({
  width: z.int(),
  height: z.int(),
  steps: z.int(),
  /** Guidance, for models that take it as an input of the network. */
  cfg: z.number(),
  sampler: z.string(),
  scheduler: z.string(),
});
export type ModelDefaults = z.infer<typeof modelDefaultsSchema>;

/** For a checkpoint that says nothing about itself: what suits most SD 1.x models. */
export const plainDefaults: ModelDefaults = {
  width: 512,
  height: 512,
  steps: 20,
  cfg: 7,
  sampler: 'euler',
  scheduler: 'normal',
};

export const modelSchema = z
  .object({
    id: modelIdSchema,
    /** File name relative to its models folder; what loader nodes take. */
    name: z.string(),
    title: z.string(),
    kind: modelKindSchema,
    family: z.string().nullable().meta({
      description: 'The models it fits, e.g. sd1, sdxl or flux; null for any, or not recognised.',
    }),
    sha256: z.string(),
    sizeBytes: z.int(),
    license: z.string().nullable(),
    defaults: modelDefaultsSchema.nullable(),
    /** Why the file cannot be used, in one sentence; null when it can. */
    problem: z.string().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Model' });
export type Model = z.infer<typeof modelSchema>;

export const listModels = defineEndpoint({
  id: 'listModels',
  method: 'GET',
  path: '/api/v1/models',
  tag: 'Models',
  summary: 'Models that an engine of this installation can load',
  auth: 'user',
  query: pageQuerySchema.extend({ kind: modelKindSchema.optional() }),
  status: 200,
  response: pageOf(modelSchema),
  errors: [],
});

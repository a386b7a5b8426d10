import { type NodeCatalogue, nodeCatalogueSchema } from '@studio/contracts';

interface Sketch {
  readonly required?: Record<string, unknown>;
  readonly optional?: Record<string, unknown>;
  readonly hidden?: Record<string, unknown>;
  readonly checkedInputs?: readonly string[];
  readonly output: readonly string[];
  readonly isOutput?: boolean;
}

const sketches: Record<string, Sketch> = {
  CheckpointLoaderSimple: {
    required: { ckpt_name: [['starter.safetensors', 'other.safetensors']] },
    output: ['MODEL', 'CLIP', 'VAE'],
  },
  CLIPTextEncode: { required: { text: ['STRING', { multiline: true }], clip: ['CLIP'] }, output: ['CONDITIONING'] },
  EmptyLatentImage: {
    required: {
      width: ['INT', { default: 512, min: 16, max: 16384, step: 8 }],
      height: ['INT', { default: 512, min: 16, max: 16384, step: 8 }],
      batch_size: ['INT', { default: 1, min: 1, max: 4096 }],
    },
    output: ['LATENT'],
  },
  EmptySD3LatentImage: {
    required: {
      width: ['INT', { default: 1024, min: 16, max: 16384, step: 16 }],
      height: ['INT', { default: 1024, min: 16, max: 16384, step: 16 }],
      batch_size: ['INT', { default: 1, min: 1, max: 4096 }],
    },
    output: ['LATENT'],
  },
  FluxGuidance: {
    required: { conditioning: ['CONDITIONING'], guidance: ['FLOAT', { default: 3.5, min: 0, max: 100 }] },
    output: ['CONDITIONING'],
  },
  KSampler: {
    required: {
      model: ['MODEL'],
      seed: ['INT', { default: 0, min: 0, max: 2 ** 64 }],
      steps: ['INT', { default: 20, min: 1, max: 10000 }],
      cfg: ['FLOAT', { default: 8, min: 0, max: 100 }],
      sampler_name: [['euler', 'euler_ancestral', 'dpmpp_2m']],
      scheduler: ['COMBO', { options: ['normal', 'karras'] }],
      positive: ['CONDITIONING'],
      negative: ['CONDITIONING'],
      latent_image: ['LATENT'],
      denoise: ['FLOAT', { default: 1, min: 0, max: 1 }],
    },
    output: ['LATENT'],
  },
  VAEDecode: { required: { samples: ['LATENT'], vae: ['VAE'] }, output: ['IMAGE'] },
  LoadImage: { required: { image: [[], { image_upload: true }] }, output: ['IMAGE', 'MASK'] },
  SaveImage: { required: { images: ['IMAGE'], filename_prefix: ['STRING'] }, output: [], isOutput: true },
  Primitive: {
    required: { value: ['STRING', {}], list: ['COMBO', { multiselect: true, options: ['a', 'b'] }] },
    output: ['STRING'],
  },
  /** What few nodes declare. */
  Odd: {
    required: { choice: ['COMBO', { options: ['normal', 'karras'] }], images: ['IMAGE', { lazy: true }] },
    optional: { own: ['INT', { default: 1, min: 0, max: 10 }] },
    hidden: { prompt: 'PROMPT', unique_id: 'UNIQUE_ID' },
    checkedInputs: ['own'],
    output: ['IMAGE'],
  },
  Blend: { optional: { a: ['IMAGE'], b: ['IMAGE,MASK'], any: ['*'] }, output: ['IMAGE'] },
};

/** A small catalogue in object_info's shape, with both spellings of a list input. */
export const testCatalogue: NodeCatalogue = nodeCatalogueSchema.parse(
  Object.fromEntries(
    Object.entries(sketches).map(
      ([name, { required = {}, optional = {}, hidden, checkedInputs, output, isOutput = false }]) => [
        name,
        {
          input: { required, optional, ...(hidden && { hidden }) },
          input_order: { required: Object.keys(required), optional: Object.keys(optional) },
          output,
          output_is_list: output.map(() => false),
          output_name: output,
          name,
          display_name: name,
          description: '',
          python_module: 'nodes',
          category: 'test',
          output_node: isOutput,
          ...(checkedInputs && { checked_inputs: checkedInputs }),
        },
      ],
    ),
  ),
);

import type { Graph, ResolvedTxt2imgParams } from '@studio/contracts';

/** The seven-node graph of one text-to-image request. Equal parameters give an equal graph, byte for byte. */
export const txt2imgGraph = (params: ResolvedTxt2imgParams): Graph => ({
  '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: params.model } },
  '2': { class_type: 'CLIPTextEncode', inputs: { text: params.prompt, clip: ['1', 1] } },
  '3': { class_type: 'CLIPTextEncode', inputs: { text: params.negativePrompt, clip: ['1', 1] } },
  '4': {
    class_type: 'EmptyLatentImage',
    inputs: { width: params.width, height: params.height, batch_size: params.count },
  },
  '5': {
    class_type: 'KSampler',
    inputs: {
      seed: params.seed,
      steps: params.steps,
      cfg: params.cfg,
      sampler_name: params.sampler,
      scheduler: params.scheduler,
      denoise: 1,
      model: ['1', 0],
      positive: ['2', 0],
      negative: ['3', 0],
      latent_image: ['4', 0],
    },
  },
  '6': { class_type: 'VAEDecode', inputs: { samples: ['5', 0], vae: ['1', 2] } },
  '7': { class_type: 'SaveImage', inputs: { images: ['6', 0], filename_prefix: 'studio' } },
});

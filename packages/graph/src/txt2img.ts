import { type Graph, type ResolvedTxt2imgParams, traitsOf } from '@studio/contracts';

/** Sampling without CFG: the network has guidance of its own. */
const noCfg = 1;

/**
 * The graph of one text-to-image request, as ComfyUI's templates draw with a model of this family. Equal parameters give
 * an equal graph, byte for byte.
 */
export const txt2imgGraph = (params: ResolvedTxt2imgParams, family: string | null): Graph => {
  const { isGuided, latentChannels } = traitsOf(family);
  return {
    '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: params.model } },
    '2': { class_type: 'CLIPTextEncode', inputs: { text: params.prompt, clip: ['1', 1] } },
    '3': { class_type: 'CLIPTextEncode', inputs: { text: params.negativePrompt, clip: ['1', 1] } },
    '4': {
      class_type: latentChannels === 16 ? 'EmptySD3LatentImage' : 'EmptyLatentImage',
      inputs: { width: params.width, height: params.height, batch_size: params.count },
    },
    '5': {
      class_type: 'KSampler',
      inputs: {
        seed: params.seed,
        steps: params.steps,
        cfg: isGuided ? noCfg : params.cfg,
        sampler_name: params.sampler,
        scheduler: params.scheduler,
        denoise: 1,
        model: ['1', 0],
        positive: isGuided ? ['8', 0] : ['2', 0],
        negative: ['3', 0],
        latent_image: ['4', 0],
      },
    },
    '6': { class_type: 'VAEDecode', inputs: { samples: ['5', 0], vae: ['1', 2] } },
    '7': { class_type: 'SaveImage', inputs: { images: ['6', 0], filename_prefix: 'studio' } },
    ...(isGuided && { '8': { class_type: 'FluxGuidance', inputs: { conditioning: ['2', 0], guidance: params.cfg } } }),
  };
};

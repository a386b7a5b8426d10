import { z } from 'zod';

/** Bounds of one request. The engine may refuse less than this when memory runs short. */
export const txt2imgLimits = {
  minSide: 64,
  maxSide: 2048,
  sideMultiple: 8,
  maxPixels: 2048 * 2048,
  maxSteps: 150,
  maxCfg: 30,
  maxCount: 8,
  maxPromptLength: 10_000,
} as const;

const sideSchema = z
  .int()
  .min(txt2imgLimits.minSide, `Use at least ${txt2imgLimits.minSide} pixels.`)
  .max(txt2imgLimits.maxSide, `Use at most ${txt2imgLimits.maxSide} pixels.`)
  .multipleOf(txt2imgLimits.sideMultiple, `Use a multiple of ${txt2imgLimits.sideMultiple} pixels.`);

const promptSchema = z
  .string()
  .max(txt2imgLimits.maxPromptLength, `Use at most ${txt2imgLimits.maxPromptLength} characters.`);

/**
 * Everything that decides the pixels. What is left out is filled in by the server: the model's own
 * defaults, and a random seed. A stored job or picture always carries every field.
 */
export const txt2imgParamsSchema = z
  .strictObject({
    prompt: promptSchema.refine((text) => text.trim() !== '', 'Describe the picture in a few words.'),
    negativePrompt: promptSchema.default(''),
    /** File name as ComfyUI's CheckpointLoaderSimple takes it, e.g. `starter.safetensors`. */
    model: z.string().min(1).max(255).optional(),
    width: sideSchema.optional(),
    height: sideSchema.optional(),
    steps: z.int().min(1).max(txt2imgLimits.maxSteps).optional(),
    /** How closely to follow the prompt; for models that take guidance as an input of the network, that guidance. */
    cfg: z.number().min(0).max(txt2imgLimits.maxCfg).optional(),
    sampler: z.string().min(1).max(100).optional(),
    scheduler: z.string().min(1).max(100).optional(),
    /** Up to 2^53 − 1, so that every JSON reader keeps it exact. */
    seed: z.int().min(0).optional(),
    /** Pictures in one batch, all from one seed: picture i is row i of the batch. */
    count: z.int().min(1).max(txt2imgLimits.maxCount).default(1),
  })
  .meta({ id: 'Txt2imgParams' });
export type Txt2imgParams = z.output<typeof txt2imgParamsSchema>;

export const resolvedTxt2imgParamsSchema = txt2imgParamsSchema.required().meta({ id: 'ResolvedTxt2imgParams' });
export type ResolvedTxt2imgParams = z.output<typeof resolvedTxt2imgParamsSchema>;

import { z } from 'zod';
import { defineEndpoint } from './endpoint.ts';
import { jobSchema } from './jobs.ts';
import { modelSchema } from './models.ts';
import { limitsSchema } from './studio.ts';
import { txt2imgParamsSchema } from './txt2img.ts';

/** All that the studio page offers, as the connected engines and the installation's limits allow it. */
export const generateOptionsSchema = z
  .object({
    models: z.array(modelSchema),
    samplers: z.array(z.string()),
    schedulers: z.array(z.string()),
    limits: limitsSchema,
    isEngineConnected: z.boolean(),
  })
  .meta({ id: 'GenerateOptions' });
export type GenerateOptions = z.infer<typeof generateOptionsSchema>;

export const getGenerateOptions = defineEndpoint({
  id: 'getGenerateOptions',
  method: 'GET',
  path: '/api/v1/generate/options',
  tag: 'Generate',
  summary: 'Models, samplers, schedulers and limits to choose from',
  auth: 'user',
  status: 200,
  response: generateOptionsSchema,
  errors: [],
});

export const generateTxt2img = defineEndpoint({
  id: 'generateTxt2img',
  method: 'POST',
  path: '/api/v1/generate/txt2img',
  tag: 'Generate',
  summary: 'Draw pictures from a prompt',
  auth: 'user',
  body: txt2imgParamsSchema,
  status: 202,
  response: jobSchema,
  errors: [
    'generate.unknown_model',
    'generate.unknown_sampler',
    'generate.unknown_scheduler',
    'generate.no_engine',
    'job.queue_full',
  ],
  idempotent: true,
});

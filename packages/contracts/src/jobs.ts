import { z } from 'zod';
import { assetSchema } from './assets.ts';
import { defineEndpoint } from './endpoint.ts';
import { graphSchema, nodeErrorsSchema } from './graph.ts';
import { jobIdSchema } from './ids.ts';
import { pageOf, pageQuerySchema } from './paging.ts';
import { resolvedTxt2imgParamsSchema } from './txt2img.ts';

export const jobStatusSchema = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']);
export type JobStatus = z.infer<typeof jobStatusSchema>;

/** What the engine is doing for a job right now. */
export const jobStageSchema = z.enum(['loading', 'encoding', 'sampling', 'decoding', 'saving']);

export const jobProgressSchema = z
  .object({
    stage: jobStageSchema,
    /** Sampling steps done, of `steps`; both 0 outside sampling. */
    step: z.int(),
    steps: z.int(),
    /** Id of the graph node that runs. */
    nodeId: z.string().nullable(),
    etaMs: z.int().nullable(),
  })
  .meta({ id: 'JobProgress' });
export type JobProgress = z.infer<typeof jobProgressSchema>;

export const jobErrorSchema = z
  .object({
    code: z.string(),
    message: z.string(),
    nodeId: z.string().nullable(),
    classType: z.string().nullable(),
  })
  .meta({ id: 'JobError' });
export type JobError = z.infer<typeof jobErrorSchema>;

/** What nodes such as PreviewAny show as text, by node id. */
export const jobTextsSchema = z
  .record(z.string().max(200), z.array(z.string().max(100_000)).max(100))
  .meta({ id: 'JobTexts' });
export type JobTexts = z.infer<typeof jobTextsSchema>;

export const jobStatusViewSchema = z
  .object({
    id: jobIdSchema,
    status: jobStatusSchema,
    /** 1 = next to run; null once it has started. */
    position: z.int().nullable(),
    progress: jobProgressSchema.nullable(),
    error: jobErrorSchema.nullable(),
    isCancelRequested: z.boolean(),
    attempt: z.int(),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'JobStatusView' });
export type JobStatusView = z.infer<typeof jobStatusViewSchema>;

export const jobSchema = jobStatusViewSchema
  .extend({
    kind: z.enum(['txt2img', 'graph']),
    params: resolvedTxt2imgParamsSchema.nullable(),
    assets: z.array(assetSchema),
    texts: jobTextsSchema,
    /** Nodes that could not run or failed; the job has still drawn what does not depend on them. */
    nodeErrors: nodeErrorsSchema,
  })
  .meta({ id: 'Job' });
export type Job = z.infer<typeof jobSchema>;

const jobParams = z.object({ id: jobIdSchema });

export const createJob = defineEndpoint({
  id: 'createJob',
  method: 'POST',
  path: '/api/v1/jobs',
  tag: 'Jobs',
  summary: "Run a graph in ComfyUI's API format",
  auth: 'user',
  body: z.strictObject({ graph: graphSchema }),
  status: 202,
  response: jobSchema,
  errors: [
    'graph.invalid',
    'graph.cycle',
    'graph.unknown_node',
    'graph.no_output',
    'generate.no_engine',
    'job.queue_full',
  ],
  idempotent: true,
});

export const listJobs = defineEndpoint({
  id: 'listJobs',
  method: 'GET',
  path: '/api/v1/jobs',
  tag: 'Jobs',
  summary: 'Jobs of your team, newest first',
  auth: 'user',
  query: pageQuerySchema.extend({
    status: z
      .enum([...jobStatusSchema.options, 'active'])
      .optional()
      .meta({ description: 'active = queued or running' }),
  }),
  status: 200,
  response: pageOf(jobSchema),
  errors: [],
});

export const getJob = defineEndpoint({
  id: 'getJob',
  method: 'GET',
  path: '/api/v1/jobs/{id}',
  tag: 'Jobs',
  summary: 'One job with its parameters and pictures',
  auth: 'user',
  params: jobParams,
  status: 200,
  response: jobSchema,
  errors: ['job.not_found'],
});

export const getJobStatus = defineEndpoint({
  id: 'getJobStatus',
  method: 'GET',
  path: '/api/v1/jobs/{id}/status',
  tag: 'Jobs',
  summary: 'Status, position and progress only, for cheap polling',
  auth: 'user',
  params: jobParams,
  status: 200,
  response: jobStatusViewSchema,
  errors: ['job.not_found'],
});

export const cancelJob = defineEndpoint({
  id: 'cancelJob',
  method: 'DELETE',
  path: '/api/v1/jobs/{id}',
  tag: 'Jobs',
  summary: 'Cancel: at once when queued, within one step when running; safe to repeat',
  auth: 'user',
  params: jobParams,
  status: 200,
  response: jobSchema,
  errors: ['job.not_found', 'job.finished'],
});

export const streamJobEvents = defineEndpoint({
  id: 'streamJobEvents',
  method: 'GET',
  path: '/api/v1/jobs/{id}/events',
  tag: 'Events',
  summary: 'Server-sent events of one job, until it ends',
  auth: 'user',
  params: jobParams,
  status: 200,
  errors: ['job.not_found'],
});

import { z } from 'zod';
import { defineEndpoint } from './endpoint.ts';
import { graphSchema, nodeCatalogueSchema, nodeErrorsSchema } from './graph.ts';
import { engineIdSchema, jobIdSchema } from './ids.ts';
import { jobErrorSchema, jobProgressSchema, jobTextsSchema } from './jobs.ts';
import { modelSchema } from './models.ts';

/** A model file that the engine can load. */
export const engineModelSchema = modelSchema.omit({ id: true, createdAt: true }).meta({ id: 'EngineModel' });
export type EngineModel = z.infer<typeof engineModelSchema>;

export const registerEngineRequestSchema = z
  .object({
    /** Stable name of this engine process slot, e.g. `local-0`; registering again replaces the old record. */
    name: z.string().min(1).max(100),
    version: z.string().min(1).max(50),
    device: z.string().max(200),
    dtype: z.string().max(20),
    memoryBytes: z.int(),
    queues: z.array(z.string().max(50)).min(1),
    /** Jobs that it works on at the same time. */
    slots: z.int().min(1).max(64),
    nodeCatalogue: nodeCatalogueSchema,
    models: z.array(engineModelSchema).max(10_000),
    /**
     * Jobs that this process works on or whose results it still holds. Any other job under its name belonged to a
     * process that has died, and goes to another attempt at once.
     */
    heldJobs: z.array(jobIdSchema).max(1_000).default([]),
  })
  .meta({ id: 'RegisterEngineRequest' });

export const registerEngineResponseSchema = z
  .object({ engineId: engineIdSchema, leaseSeconds: z.int(), progressIntervalMs: z.int() })
  .meta({ id: 'RegisterEngineResponse' });

export const claimRequestSchema = z
  .object({
    engineId: engineIdSchema,
    queues: z.array(z.string().max(50)).min(1),
    /** Names of the models in memory; the queue prefers jobs that need one of them. */
    loadedModels: z.array(z.string().max(255)).max(100),
    /** How many more jobs the engine can take now. */
    slots: z.int().min(1).max(64),
    /** How long to hold the request open when nothing waits. */
    waitMs: z.int().min(0).max(25_000),
  })
  .meta({ id: 'ClaimRequest' });

/** One attempt at one job. (jobId, attempt) is the fence: every later call must name both. */
export const leaseSchema = z
  .object({
    jobId: jobIdSchema,
    attempt: z.int(),
    /** Cached results may be shared inside one namespace only. */
    cacheNamespace: z.string(),
    graph: graphSchema,
    leaseSeconds: z.int(),
    deadlineAt: z.iso.datetime(),
    /** Files the graph's LoadImage nodes name, by that name: pictures of the team by id. `url` is a path on the api. */
    inputs: z.array(z.object({ name: z.string(), url: z.string(), sha256: z.string(), sizeBytes: z.int() })),
  })
  .meta({ id: 'Lease' });
export type Lease = z.infer<typeof leaseSchema>;

/** As many jobs as wait and the engine has slots for, at most; none after `waitMs` without work. */
export const claimResponseSchema = z.object({ leases: z.array(leaseSchema) }).meta({ id: 'ClaimResponse' });

export const maxPreviewBytes = 64 * 1024;

export const progressRequestSchema = z
  .object({
    attempt: z.int(),
    progress: jobProgressSchema,
    preview: z
      .object({
        contentType: z.enum(['image/jpeg', 'image/png', 'image/webp']),
        base64: z.string().max(Math.ceil(maxPreviewBytes / 3) * 4),
      })
      .nullable(),
  })
  .meta({ id: 'ProgressRequest' });
export type ProgressRequest = z.infer<typeof progressRequestSchema>;

/** `cancel`: stop and finalize as cancelled. `lost`: another attempt owns the job; drop everything. */
export const progressResponseSchema = z
  .object({ directive: z.enum(['continue', 'cancel', 'lost']) })
  .meta({ id: 'ProgressResponse' });
export type ProgressResponse = z.infer<typeof progressResponseSchema>;

export const uploadRequestSchema = z
  .object({
    attempt: z.int(),
    files: z
      .array(
        z.object({
          sha256: z.string().regex(/^[0-9a-f]{64}$/),
          sizeBytes: z.int().min(1),
          contentType: z.string().max(100),
        }),
      )
      .min(1)
      .max(64),
  })
  .meta({ id: 'UploadRequest' });

/**
 * PUT the bytes to `url`, a path on the api's own address; name `blobKey` when finalizing. Same order as asked, one key
 * per file even where two are equal. A file must be image/png, image/jpeg or image/webp.
 */
export const uploadResponseSchema = z
  .object({ uploads: z.array(z.object({ blobKey: z.string(), url: z.string() })) })
  .meta({ id: 'UploadResponse' });

export const finalizeRequestSchema = z
  .object({
    attempt: z.int(),
    status: z.enum(['succeeded', 'failed', 'cancelled']),
    outputs: z.array(
      z.object({
        nodeId: z.string(),
        index: z.int().min(0),
        blobKey: z.string().max(500),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
        sizeBytes: z.int(),
        contentType: z.string().max(100),
        width: z.int(),
        height: z.int(),
        /** False for PreviewImage: shown with the job, not kept in the gallery. */
        isKept: z.boolean(),
      }),
    ),
    texts: jobTextsSchema.default({}),
    error: jobErrorSchema.nullable(),
    /**
     * Nodes that were refused before the graph ran or failed while it did, whatever the status: a job succeeds when at
     * least one of its output nodes has finished.
     */
    nodeErrors: nodeErrorsSchema.default({}),
    /** Failed for a reason that another attempt may not meet, e.g. the engine is shutting down. */
    isRetryable: z.boolean(),
    /** Wall seconds on the device, for settlement and estimates. */
    engineSeconds: z.number().min(0),
  })
  .meta({ id: 'FinalizeRequest' });
export type FinalizeRequest = z.infer<typeof finalizeRequestSchema>;

/** `accepted` false: the attempt had lost its lease, nothing was stored. Repeating a finalize is safe. */
export const finalizeResponseSchema = z.object({ accepted: z.boolean() }).meta({ id: 'FinalizeResponse' });

const leaseJobParams = z.object({ id: jobIdSchema });

export const registerEngine = defineEndpoint({
  id: 'registerEngine',
  method: 'POST',
  path: '/engine/v1/register',
  tag: 'Lease API',
  summary: 'Announce an engine, its nodes and its models',
  auth: 'engine',
  body: registerEngineRequestSchema,
  status: 200,
  response: registerEngineResponseSchema,
  errors: ['engine.token_invalid'],
});

export const claimLeases = defineEndpoint({
  id: 'claimLeases',
  method: 'POST',
  path: '/engine/v1/claim',
  tag: 'Lease API',
  summary: 'Take the next jobs, waiting up to waitMs for one',
  auth: 'engine',
  body: claimRequestSchema,
  status: 200,
  response: claimResponseSchema,
  errors: ['engine.token_invalid', 'engine.not_registered'],
});

export const reportProgress = defineEndpoint({
  id: 'reportProgress',
  method: 'POST',
  path: '/engine/v1/jobs/{id}/progress',
  tag: 'Lease API',
  summary: 'Renew the lease and report progress, at most four times a second',
  auth: 'engine',
  params: leaseJobParams,
  body: progressRequestSchema,
  status: 200,
  response: progressResponseSchema,
  errors: ['engine.token_invalid'],
});

export const requestUploads = defineEndpoint({
  id: 'requestUploads',
  method: 'POST',
  path: '/engine/v1/jobs/{id}/uploads',
  tag: 'Lease API',
  summary: 'Signed addresses to put output files to',
  auth: 'engine',
  params: leaseJobParams,
  body: uploadRequestSchema,
  status: 200,
  response: uploadResponseSchema,
  errors: ['engine.token_invalid', 'job.lease_lost'],
});

export const finalizeJob = defineEndpoint({
  id: 'finalizeJob',
  method: 'POST',
  path: '/engine/v1/jobs/{id}/finalize',
  tag: 'Lease API',
  summary: 'End this attempt; idempotent per attempt',
  auth: 'engine',
  params: leaseJobParams,
  body: finalizeRequestSchema,
  status: 200,
  response: finalizeResponseSchema,
  errors: ['engine.token_invalid', 'blob.not_found'],
});

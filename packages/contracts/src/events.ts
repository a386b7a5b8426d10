import { z } from 'zod';
import { assetSchema } from './assets.ts';
import { defineEndpoint } from './endpoint.ts';
import { assetIdSchema, jobIdSchema } from './ids.ts';
import { jobProgressSchema, jobSchema } from './jobs.ts';

/**
 * A kept event carries `seq`, rising within the team, so that a client can resume after a break. What is
 * replayed is the present state of the thing: several changes of one job may arrive as its latest alone.
 */
const event = <T extends string, D extends z.ZodType>(type: T, data: D) =>
  z.object({ type: z.literal(type), seq: z.int(), at: z.iso.datetime(), data });

/** A passing event has no `seq` and is never replayed: the newest one wins and a lost one does not matter. */
const passingEvent = <T extends string, D extends z.ZodType>(type: T, data: D) =>
  z.object({ type: z.literal(type), at: z.iso.datetime(), data });

export const studioEventSchema = z
  .discriminatedUnion('type', [
    /** Any change of status or result. The final one carries the pictures. */
    event('job.updated', jobSchema),
    event('asset.created', assetSchema),
    event('asset.deleted', z.object({ assetId: assetIdSchema })),
    event('asset.restored', assetSchema),
    passingEvent('job.progress', z.object({ jobId: jobIdSchema, attempt: z.int(), progress: jobProgressSchema })),
    /** A waiting job moved in the queue; checked every two seconds. */
    passingEvent('job.moved', z.object({ jobId: jobIdSchema, position: z.int() })),
  ])
  .meta({ id: 'StudioEvent' });
export type StudioEvent = z.infer<typeof studioEventSchema>;

/**
 * A latent preview is not numbered: the newest one wins and a lost one does not matter.
 * WebSocket: one binary frame = u32 big-endian header length + header JSON + image bytes.
 * SSE: event `job.preview` with `image` as a data URL.
 */
export const previewHeaderSchema = z.object({
  type: z.literal('job.preview'),
  jobId: jobIdSchema,
  attempt: z.int(),
  step: z.int(),
  contentType: z.enum(['image/jpeg', 'image/png', 'image/webp']),
});
export type PreviewHeader = z.infer<typeof previewHeaderSchema>;

/** First frame of a socket. `since` = last seq seen, to receive what was missed. */
export const socketHelloSchema = z.object({
  type: z.literal('hello'),
  accessToken: z.string().max(4_096),
  since: z.int().min(0).optional(),
});

export const socketServerFrameSchema = z.discriminatedUnion('type', [
  /**
   * The socket is live from `seq` on. `isComplete` false: events were missed, read the lists again.
   * A heartbeat follows at least every `heartbeatMs`; after two and a half silent ones the line is dead.
   */
  z.object({ type: z.literal('ready'), seq: z.int(), isComplete: z.boolean(), heartbeatMs: z.int().min(100) }),
  z.object({ type: z.literal('error'), code: z.string(), message: z.string() }),
  z.object({ type: z.literal('heartbeat') }),
]);

export const streamEvents = defineEndpoint({
  id: 'streamEvents',
  method: 'GET',
  path: '/api/v1/events',
  tag: 'Events',
  summary: 'Server-sent events of your team; the twin of the WebSocket /ws',
  auth: 'user',
  query: z.object({ since: z.coerce.number().int().min(0).optional() }),
  status: 200,
  errors: [],
});

import type { JobId } from '@studio/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Deps } from '../../deps.ts';
import { authenticateUser } from '../../http/authenticate.ts';
import type { Actor } from '../../platform/actor.ts';
import { AppError } from '../../platform/app-error.ts';
import type { Feed } from './feed.ts';
import { heartbeatMs, hopelessBytes, isPassing, maxBehindBytes, previewDataUrl, sseFrame } from './frames.ts';
import { type Sink, startStream } from './stream.ts';

const sseSink = (reply: FastifyReply): Sink => {
  const { raw } = reply;
  const write = (frame: string): void => {
    // Writing to an answer that has ended would raise an error that nobody catches.
    if (raw.writableEnded || raw.destroyed) return;
    if (raw.writableLength > hopelessBytes) raw.destroy();
    else raw.write(frame);
  };
  const isBehind = (): boolean => raw.writableLength > maxBehindBytes;
  return {
    onReady: (ready) => write(sseFrame('ready', { type: 'ready', ...ready, heartbeatMs }, ready.seq)),
    onEvent: (event) => {
      if (isPassing(event) && isBehind()) return;
      write(sseFrame(event.type, event, 'seq' in event ? event.seq : undefined));
    },
    onPreview: (preview) => {
      if (isBehind()) return;
      write(sseFrame('job.preview', { ...preview.header, image: previewDataUrl(preview) }));
    },
    onEnd: () => raw.end(),
  };
};

/** A browser's EventSource names the last number it saw in a header when it comes back by itself. */
export const sinceOf = (request: FastifyRequest, since: number | undefined): number | null => {
  const header = request.headers['last-event-id'];
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header);
  return since ?? null;
};

interface SseRequest {
  readonly feed: Feed;
  readonly actor: Actor;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly since: number | null;
  readonly jobId: JobId | null;
}

/** Ends the answer once the token that opened it has expired or its session has ended. */
const startHeartbeat = (deps: Pick<Deps, 'accessTokens'>, { request, reply }: SseRequest): NodeJS.Timeout =>
  setInterval(() => {
    authenticateUser(deps, request).then(
      () => {
        if (!reply.raw.writableEnded) reply.raw.write(': heartbeat\n\n');
      },
      () => reply.raw.end(),
    );
  }, heartbeatMs);

/** Answers with events until the client leaves, the job of a job's stream ends, or the token does. */
export const serveSse = async (deps: Pick<Deps, 'accessTokens' | 'log'>, sse: SseRequest): Promise<void> => {
  const { feed, actor, reply, since, jobId } = sse;
  if (jobId !== null && !(await feed.findJob(actor.teamId, jobId))) throw new AppError('job.not_found');
  const headers = Object.entries(reply.getHeaders());
  reply.hijack();
  for (const [name, value] of headers) if (value !== undefined) reply.raw.setHeader(name, value);
  reply.raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  });
  reply.raw.flushHeaders();
  reply.raw.on('error', () => reply.raw.destroy());
  const beating = startHeartbeat(deps, sse);
  const stop = startStream(feed, { teamId: actor.teamId, since, jobId }, sseSink(reply));
  reply.raw.once('close', () => {
    clearInterval(beating);
    stop.then(
      (leave) => leave(),
      () => undefined,
    );
  });
  await stop.catch((error: unknown) => {
    deps.log.error({ err: error }, 'An event stream failed.');
    reply.raw.destroy();
  });
};

import { type JobId, socketHelloSchema } from '@studio/contracts';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { Deps } from '../../deps.ts';
import { AppError } from '../../platform/app-error.ts';
import { isAllowed } from '../../platform/permissions.ts';
import type { Feed } from './feed.ts';
import { heartbeatMs, hopelessBytes, isPassing, maxBehindBytes, previewFrame, socketHeartbeatMs } from './frames.ts';
import { type Sink, startStream } from './stream.ts';

const helloWithinMs = 10_000;

const closeCodes = { badHello: 4400, badAuth: 4401, notFound: 4404, failed: 1011, done: 1000, tooSlow: 1013 } as const;

const closeCodeOf = ({ code }: AppError): number => {
  if (code.startsWith('auth.')) return closeCodes.badAuth;
  if (code === 'job.not_found') return closeCodes.notFound;
  return code === 'request.invalid' ? closeCodes.badHello : closeCodes.failed;
};

const readHello = (text: string): z.infer<typeof socketHelloSchema> => {
  const parsed = z
    .string()
    .transform((value, context) => {
      try {
        return JSON.parse(value);
      } catch {
        context.addIssue({ code: 'custom', message: 'The frame is not JSON.' });
        return z.NEVER;
      }
    })
    .pipe(socketHelloSchema)
    .safeParse(text);
  if (parsed.success) return parsed.data;
  throw new AppError('request.invalid', { message: 'The first frame must be a hello with an access token.' });
};

const socketSink = (socket: WebSocket): Sink => {
  const send = (frame: unknown): void => {
    if (socket.bufferedAmount > hopelessBytes) socket.close(closeCodes.tooSlow);
    else socket.send(JSON.stringify(frame));
  };
  const isBehind = (): boolean => socket.bufferedAmount > maxBehindBytes;
  return {
    onReady: ({ seq, isComplete }) => send({ type: 'ready', seq, isComplete, heartbeatMs: socketHeartbeatMs }),
    onEvent: (event) => {
      if (!isPassing(event) || !isBehind()) send(event);
    },
    onPreview: (preview) => {
      if (!isBehind()) socket.send(previewFrame(preview));
    },
    onEnd: () => socket.close(closeCodes.done),
  };
};

const heartbeatFrame = JSON.stringify({ type: 'heartbeat' });

type SocketDeps = Pick<Deps, 'accessTokens' | 'log'>;

/** Checks the hello, streams, and returns the function that ends the stream. */
const serve = async (
  deps: SocketDeps,
  { feed, socket, jobId, text }: { feed: Feed; socket: WebSocket; jobId: JobId | null; text: string },
): Promise<() => void> => {
  const { accessToken, since } = readHello(text);
  const actor = await deps.accessTokens.verify(accessToken);
  if (!isAllowed(actor.role, 'job:read')) throw new AppError('auth.forbidden');
  const leave = await startStream(feed, { teamId: actor.teamId, since: since ?? null, jobId }, socketSink(socket));
  const beating = setInterval(() => socket.send(heartbeatFrame), socketHeartbeatMs);
  const checking = setInterval(() => {
    // A session that has ended, or a token that has, ends the socket; the client comes back with a new token.
    deps.accessTokens.verify(accessToken).catch((error: unknown) => refuse(deps, socket, error));
  }, heartbeatMs);
  return () => {
    clearInterval(beating);
    clearInterval(checking);
    leave();
  };
};

const refuse = ({ log }: SocketDeps, socket: WebSocket, cause: unknown): void => {
  const error = cause instanceof AppError ? cause : new AppError('server.internal', { cause });
  if (error !== cause) log.error({ err: cause }, 'A socket failed.');
  socket.send(JSON.stringify({ type: 'error', code: error.code, message: error.message }));
  socket.close(closeCodeOf(error));
};

/** Serves one socket: a hello within ten seconds, then events until either side closes. */
export const serveSocket = (
  deps: SocketDeps,
  { feed, socket, jobId }: { feed: Feed; socket: WebSocket; jobId: JobId | null },
): void => {
  const patience = setTimeout(() => refuse(deps, socket, new AppError('auth.required')), helloWithinMs);
  let stop: Promise<() => void> | null = null;
  socket.on('error', () => socket.terminate());
  socket.once('message', (data: Buffer) => {
    clearTimeout(patience);
    stop = serve(deps, { feed, socket, jobId, text: data.toString() });
    stop.catch((error: unknown) => refuse(deps, socket, error));
  });
  socket.once('close', () => {
    clearTimeout(patience);
    stop?.then(
      (end) => end(),
      () => undefined,
    );
  });
};

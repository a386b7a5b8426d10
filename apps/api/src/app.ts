import fastifyCookie from '@fastify/cookie';
import fastifyRateLimit from '@fastify/rate-limit';
import fastifyWebsocket from '@fastify/websocket';
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify';
import type { Deps } from './deps.ts';
import { assets } from './domains/assets/index.ts';
import { auth } from './domains/auth/index.ts';
import { jobs } from './domains/jobs/index.ts';
import { models } from './domains/models/index.ts';
import { notifications } from './domains/notifications/index.ts';
import { studio } from './domains/studio/index.ts';
import { teams } from './domains/teams/index.ts';
import { blobs } from './http/blobs.ts';
import { addDocs } from './http/docs.ts';
import { addErrorHandling, answerError } from './http/errors.ts';
import { endConnectionsOnStop } from './http/last-answers.ts';
import { upgradesOf } from './http/page-sockets.ts';
import { addPages } from './http/pages.ts';
import type { App, Plugin } from './http/route.ts';
import { addSecurityHeaders } from './http/security-headers.ts';
import { newRequestId } from './platform/ids.ts';

/** Every domain that serves routes. Adding one means adding its folder and one line here. */
const domains: readonly Plugin[] = [teams, auth, assets, blobs, models, jobs, notifications, studio];

const bodyLimitBytes = 1024 * 1024;
/** A client sends one frame, its hello. */
const socketMaxPayloadBytes = 16 * 1024;

/** The whole HTTP server, not yet listening. No I/O happens before its first request. */
export const buildApp = async (deps: Deps): Promise<App> => {
  const loggerInstance: FastifyBaseLogger = deps.log;
  const app = Fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: newRequestId,
    trustProxy: deps.config.trustProxy,
    bodyLimit: bodyLimitBytes,
    forceCloseConnections: 'idle',
    frameworkErrors: answerError(deps),
  });
  // JSON is the only body that routes take; an upload route adds its own parser in its own scope.
  app.removeContentTypeParser('text/plain');
  app.decorateRequest('actor', undefined);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  endConnectionsOnStop(app);
  addErrorHandling(app, deps);
  addSecurityHeaders(app, deps);
  await app.register(fastifyCookie);
  await app.register(fastifyRateLimit, { global: false });
  const server = upgradesOf(app, deps.config);
  await app.register(fastifyWebsocket, { options: { maxPayload: socketMaxPayloadBytes, server } });
  await addDocs(app, deps);
  for (const domain of domains) domain(app, deps);
  await addPages(app, deps);
  return app;
};

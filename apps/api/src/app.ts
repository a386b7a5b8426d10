import fastifyCookie from '@fastify/cookie';
import fastifyRateLimit from '@fastify/rate-limit';
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify';
import type { Deps } from './deps.ts';
import { auth } from './domains/auth/index.ts';
import { studio } from './domains/studio/index.ts';
import { teams } from './domains/teams/index.ts';
import { addDocs } from './http/docs.ts';
import { addErrorHandling } from './http/errors.ts';
import { addPages } from './http/pages.ts';
import type { App, Plugin } from './http/route.ts';
import { addSecurityHeaders } from './http/security-headers.ts';
import { newRequestId } from './platform/ids.ts';

/** Every domain that serves routes. Adding one means adding its folder and one line here. */
const domains: readonly Plugin[] = [teams, auth, studio];

const bodyLimitBytes = 1024 * 1024;

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
  });
  // JSON is the only body that routes take; an upload route adds its own parser in its own scope.
  app.removeContentTypeParser('text/plain');
  app.decorateRequest('actor', undefined);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  addErrorHandling(app, deps);
  addSecurityHeaders(app, deps);
  await app.register(fastifyCookie);
  await app.register(fastifyRateLimit, { global: false });
  await addDocs(app, deps);
  for (const domain of domains) domain(app, deps);
  await addPages(app, deps);
  return app;
};

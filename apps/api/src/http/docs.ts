import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import { buildOpenApiDocument } from '@studio/contracts/openapi';
import type { Deps } from '../deps.ts';
import type { App } from './route.ts';

/** Swagger UI styles its elements inline and draws its icons from data: addresses; it may reach only this server. */
const docsPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The API described for machines at /api/openapi.json and for people at /api/docs. */
export const addDocs = async (app: App, deps: Pick<Deps, 'config'>): Promise<void> => {
  const { productName } = deps.config;
  const openapi = buildOpenApiDocument();
  const body = JSON.stringify({ ...openapi, info: { ...openapi.info, title: `${productName} API` } });

  app.get('/api/openapi.json', (_request, reply) =>
    reply.header('cache-control', 'no-cache').type('application/json; charset=utf-8').send(body),
  );
  // Through JSON: the two packages describe the same OpenAPI 3.1 by types that do not meet.
  await app.register(fastifySwagger, { mode: 'static', specification: { document: JSON.parse(body) } });
  await app.register(fastifySwaggerUi, {
    routePrefix: '/api/docs',
    staticCSP: docsPolicy,
    theme: { title: `${productName} API`, css: [{ filename: 'studio.css', content: '.topbar { display: none }' }] },
    // No badge: it would send the document to validator.swagger.io.
    uiConfig: { docExpansion: 'list', validatorUrl: null, tryItOutEnabled: true, persistAuthorization: false },
  });
};

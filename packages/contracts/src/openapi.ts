import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import type { Endpoint, EndpointAuth } from './endpoint.ts';
import { endpoints } from './endpoints.ts';
import { type ErrorCode, errorBodySchema, errorDefinitions } from './errors.ts';

const securityByAuth: Record<EndpointAuth, Record<string, string[]>[]> = {
  public: [],
  user: [{ accessToken: [] }],
  refresh: [{ refreshCookie: [] }],
  engine: [{ engineToken: [] }],
};

const idempotencyHeaderSchema = z.object({
  'Idempotency-Key': z
    .string()
    .max(200)
    .optional()
    .meta({ description: 'A repeat with the same key and body returns the first answer for 24 hours.' }),
});

/** Groups an operation's error codes by status, since OpenAPI keys answers by status. */
const errorResponses = (codes: readonly ErrorCode[]): ZodOpenApiOperationObject['responses'] => {
  const byStatus = Map.groupBy(codes, (code) => errorDefinitions[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, grouped]) => [
      String(status),
      {
        description: grouped.map((code) => `\`${code}\`: ${errorDefinitions[code].message}`).join('\n\n'),
        content: { 'application/json': { schema: errorBodySchema } },
      },
    ]),
  );
};

const toOperation = (endpoint: Endpoint): ZodOpenApiOperationObject => {
  const common: ErrorCode[] =
    endpoint.auth === 'user' ? ['auth.required', 'auth.token_invalid', 'auth.token_expired'] : [];
  const takesInput = endpoint.params ?? endpoint.query ?? endpoint.body;
  return {
    operationId: endpoint.id,
    tags: [endpoint.tag],
    summary: endpoint.summary,
    security: securityByAuth[endpoint.auth],
    requestParams: {
      ...(endpoint.params && { path: endpoint.params }),
      ...(endpoint.query && { query: endpoint.query }),
      ...(endpoint.idempotent && { header: idempotencyHeaderSchema }),
    },
    ...(endpoint.body && {
      requestBody: { required: true, content: { 'application/json': { schema: endpoint.body } } },
    }),
    responses: {
      [String(endpoint.status)]: {
        description: 'Success',
        ...(endpoint.response && { content: { 'application/json': { schema: endpoint.response } } }),
      },
      ...errorResponses([...(takesInput ? (['request.invalid'] as const) : []), ...common, ...endpoint.errors]),
    },
  };
};

/** The OpenAPI 3.1 document of the whole HTTP API, Lease API included. */
export const buildOpenApiDocument = () => {
  const paths: ZodOpenApiPathsObject = {};
  for (const endpoint of endpoints) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method.toLowerCase()]: toOperation(endpoint) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Studio API',
      version: '1',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description: 'Every error has one shape: `{ error: { code, message, details?, requestId } }`.',
    },
    components: {
      securitySchemes: {
        accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        refreshCookie: { type: 'apiKey', in: 'cookie', name: 'studio_refresh' },
        engineToken: { type: 'http', scheme: 'bearer' },
      },
    },
    paths,
  });
};

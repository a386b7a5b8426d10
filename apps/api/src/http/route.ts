import type { Endpoint, EndpointInput, EndpointResponse } from '@studio/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Deps } from '../deps.ts';
import type { Actor } from '../platform/actor.ts';
import { AppError } from '../platform/app-error.ts';
import { isAllowed, type Permission } from '../platform/permissions.ts';
import { authenticateEngine, authenticateUser } from './authenticate.ts';
import { answerOnce } from './idempotency.ts';
import { checkOrigin } from './origin.ts';
import { parseInput } from './parse-input.ts';

export type App = FastifyInstance;

/** Adds something to the server: one route, or all routes of a domain. */
export type Plugin = (app: App, deps: Deps) => void;

type Context<E extends Endpoint, A> = EndpointInput<E> & {
  readonly deps: Deps;
  /** Present exactly where the contract says `auth: 'user'`. */
  readonly actor: A;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
};
export type RouteContext<E extends Endpoint> = Context<E, E['auth'] extends 'user' ? Actor : undefined>;

/** Requests per minute and address, for routes on which guessing pays. */
const limits = {
  credentials: { max: 20, timeWindow: 60_000 },
  session: { max: 120, timeWindow: 60_000 },
} as const;

interface CommonOptions {
  readonly limit?: keyof typeof limits;
  readonly bodyLimitBytes?: number;
}
/** A signed-in route must say what permission it takes; no other route can. */
export type RouteOptions<E extends Endpoint> = E['auth'] extends 'user'
  ? CommonOptions & { readonly can: Permission }
  : CommonOptions & { readonly can?: never };

/**
 * Returns what the contract's response says. A contract without one (and not 204) is a stream: its
 * handler takes the reply over (`reply.hijack()` or `reply.send(stream)`).
 */
export type Handler<E extends Endpoint> = (context: RouteContext<E>) => Promise<Answer<E>> | Answer<E>;
type Answer<E extends Endpoint> = E['response'] extends z.ZodType ? EndpointResponse<E> : unknown;

const isStream = (endpoint: Endpoint): boolean => endpoint.response === undefined && endpoint.status !== 204;

/** What leaves is what the contract lists and nothing more; a mismatch is our bug and must not leak a row. */
const presentResponse = (endpoint: Endpoint, value: unknown): unknown => {
  if (!endpoint.response) return undefined;
  const result = endpoint.response.safeParse(value);
  if (result.success) return result.data;
  throw new Error(`${endpoint.id} answered against its contract`, { cause: result.error });
};

const authenticate = async (
  endpoint: Endpoint,
  { deps, request, can }: { deps: Deps; request: FastifyRequest; can: Permission | undefined },
): Promise<Actor | undefined> => {
  if (endpoint.auth === 'engine') authenticateEngine(deps, request);
  if (endpoint.auth === 'public' || endpoint.auth === 'refresh') checkOrigin(deps, request);
  if (endpoint.auth !== 'user') return undefined;
  const actor = await authenticateUser(deps, request);
  if (can && !isAllowed(actor.role, can)) throw new AppError('auth.forbidden');
  return actor;
};

/** Serves one contract: authentication, permission, input, idempotency and answer are decided here, once. */
export function route<const E extends Endpoint>(endpoint: E, options: RouteOptions<E>, handler: Handler<E>): Plugin;
export function route(
  endpoint: Endpoint,
  options: CommonOptions & { readonly can?: Permission },
  handler: (context: Context<Endpoint, Actor | undefined>) => unknown,
): Plugin {
  const serve = async (deps: Deps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { actor } = request;
    const input = parseInput(endpoint, request);
    const run = (scoped: Deps) => handler({ ...input, deps: scoped, actor, request, reply });
    if (isStream(endpoint)) {
      await run(deps);
      return reply;
    }
    const answer = async (scoped: Deps) => presentResponse(endpoint, await run(scoped));
    const isOnce = endpoint.idempotent && actor;
    const body = isOnce ? await answerOnce({ endpoint, deps, actor, request, input, answer }) : await answer(deps);
    return reply.code(endpoint.status).send(body);
  };
  return (app, deps) => {
    app.route({
      method: endpoint.method,
      url: endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      ...(options.bodyLimitBytes !== undefined && { bodyLimit: options.bodyLimitBytes }),
      config: options.limit ? { rateLimit: limits[options.limit] } : {},
      // Before the body is read: a stranger must not make the server parse megabytes.
      onRequest: async (request) => {
        request.actor = await authenticate(endpoint, { deps, request, can: options.can });
      },
      handler: (request, reply) => serve(deps, request, reply),
    });
  };
}

/** All routes of a domain as one plugin. */
export const domain =
  (routes: readonly Plugin[]): Plugin =>
  (app, deps) => {
    for (const add of routes) add(app, deps);
  };

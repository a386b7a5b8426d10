import type { Actor } from '../platform/actor.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by `route` before the body is read. */
    actor: Actor | undefined;
  }
}

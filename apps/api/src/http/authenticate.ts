import type { FastifyRequest } from 'fastify';
import type { Deps } from '../deps.ts';
import type { Actor } from '../platform/actor.ts';
import { AppError } from '../platform/app-error.ts';
import { isSameSecret } from '../platform/secret.ts';

const bearerOf = (request: FastifyRequest): string | undefined =>
  /^Bearer ([^\s]+)$/i.exec(request.headers.authorization ?? '')?.[1];

/** Throws `auth.required`, `auth.token_invalid` or `auth.token_expired`. */
export const authenticateUser = (deps: Pick<Deps, 'accessTokens'>, request: FastifyRequest): Promise<Actor> => {
  const token = bearerOf(request);
  if (!token) throw new AppError('auth.required');
  return deps.accessTokens.verify(token);
};

/** Throws `engine.token_invalid`. */
export const authenticateEngine = (deps: Pick<Deps, 'config'>, request: FastifyRequest): void => {
  const token = bearerOf(request);
  if (!token || !isSameSecret(token, deps.config.engineToken)) throw new AppError('engine.token_invalid');
};

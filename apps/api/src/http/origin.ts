import type { FastifyRequest } from 'fastify';
import type { Deps } from '../deps.ts';
import { AppError } from '../platform/app-error.ts';

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

const isOwnOrigin = (deps: Pick<Deps, 'config'>, request: FastifyRequest, origin: URL): boolean => {
  const { publicUrl, host } = deps.config;
  if (publicUrl) return origin.origin === publicUrl;
  if (origin.host !== request.host) return false;
  // A site that points its own name at 127.0.0.1 (DNS rebinding) has a matching Host, but not a loopback name.
  const isLoopbackOnly = loopbackNames.has(host) || host === '::1';
  return !isLoopbackOnly || loopbackNames.has(origin.hostname);
};

/**
 * Refuses unsafe requests that a browser sends for another site. Programs send no Origin and pass:
 * they hold no cookie that could be abused.
 */
export const checkOrigin = (deps: Pick<Deps, 'config'>, request: FastifyRequest): void => {
  const { origin } = request.headers;
  if (origin === undefined || safeMethods.has(request.method)) return;
  if (!URL.canParse(origin) || !isOwnOrigin(deps, request, new URL(origin))) throw new AppError('request.cross_origin');
};

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Deps } from '../../deps.ts';

const name = 'studio_refresh';

/** Scripts never see it, other sites never send it, and only the auth routes receive it. */
const attributes = (deps: Pick<Deps, 'config'>, request: FastifyRequest) => ({
  path: '/api/v1/auth',
  httpOnly: true,
  sameSite: 'strict' as const,
  secure: request.protocol === 'https' || (deps.config.publicUrl?.startsWith('https:') ?? false),
});

interface Exchange {
  readonly deps: Pick<Deps, 'config'>;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export const readRefreshCookie = (request: FastifyRequest): string | undefined => request.cookies[name];

export const setRefreshCookie = (
  { deps, request, reply }: Exchange,
  { refreshToken, expiresInSeconds }: { readonly refreshToken: string; readonly expiresInSeconds: number },
): void => {
  reply.setCookie(name, refreshToken, { ...attributes(deps, request), maxAge: expiresInSeconds });
};

export const clearRefreshCookie = ({ deps, request, reply }: Exchange): void => {
  reply.clearCookie(name, attributes(deps, request));
};

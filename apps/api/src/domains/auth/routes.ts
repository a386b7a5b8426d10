import * as contracts from '@studio/contracts';
import type { FastifyRequest } from 'fastify';
import { type Plugin, route } from '../../http/route.ts';
import { AppError } from '../../platform/app-error.ts';
import { clearRefreshCookie, readRefreshCookie, setRefreshCookie } from './refresh-cookie.ts';
import { login, logout, refresh, register } from './service.ts';
import type { Visitor } from './sessions.ts';

const visitorOf = (request: FastifyRequest): Visitor => ({
  userAgent: request.headers['user-agent'] ?? '',
  address: request.ip,
});

const servePublicKeys: Plugin = (app, deps) => {
  app.get('/.well-known/jwks.json', (_request, reply) =>
    reply.header('cache-control', 'public, max-age=300').send(deps.accessTokens.publicKeys),
  );
};

export const routes: readonly Plugin[] = [
  route(contracts.register, { limit: 'credentials' }, async (context) => {
    const signedIn = await register(context.deps, context.body, visitorOf(context.request));
    setRefreshCookie(context, signedIn);
    return signedIn.session;
  }),
  route(contracts.login, { limit: 'credentials' }, async (context) => {
    const signedIn = await login(context.deps, context.body, visitorOf(context.request));
    setRefreshCookie(context, signedIn);
    return signedIn.session;
  }),
  route(contracts.refresh, { limit: 'session' }, async (context) => {
    const token = readRefreshCookie(context.request);
    if (!token) throw new AppError('auth.refresh_invalid');
    const signedIn = await refresh(context.deps, token, visitorOf(context.request));
    setRefreshCookie(context, signedIn);
    return signedIn.session;
  }),
  route(contracts.logout, { limit: 'session' }, async (context) => {
    const token = readRefreshCookie(context.request);
    if (token) await logout(context.deps, token, visitorOf(context.request));
    clearRefreshCookie(context);
  }),
  servePublicKeys,
];

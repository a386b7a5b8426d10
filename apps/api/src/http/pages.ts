import fastifyHttpProxy from '@fastify/http-proxy';
import type { FastifyReply, FastifyRequest, RawServerBase, RouteGenericInterface } from 'fastify';
import type { Deps } from '../deps.ts';
import { escapeHtml } from './escape-html.ts';
import type { App } from './route.ts';

/** First path segments that are ours; what is missing below them is an error in JSON, never a page. */
const ownSegments = new Set(['api', 'engine', 'blobs', 'ws', '.well-known']);

const isOwnPath = (request: FastifyRequest): boolean => ownSegments.has(request.url.split(/[/?#]/, 2)[1] ?? '');

const startingPage = (productName: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="1">
<title>${escapeHtml(productName)}</title>
<style>
  :root { color-scheme: light dark }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; font: 16px/1.5 system-ui, sans-serif }
  p { opacity: 0.7 }
</style>
</head>
<body><main><h1>${escapeHtml(productName)}</h1><p role="status">Starting. This page opens the studio by itself.</p></main></body>
</html>
`;

/** Next trusts these as its own words about a request; from outside they could skip its middleware. */
const isInternalHeader = (name: string): boolean =>
  name.startsWith('x-middleware-') || name.startsWith('x-nextjs-') || name === 'x-invoke-path';

/** The one cookie a page needs, to be sent in its colours; all others are for the api alone. */
const themeCookieOf = (cookies: string | undefined): string | undefined =>
  cookies?.split('; ').find((cookie) => cookie.startsWith('studio_theme='));

/** Serves every page from the web process, and a page that waits for it while it is not up. */
export const addPages = async (app: App, deps: Pick<Deps, 'config' | 'log'>): Promise<void> => {
  const { webUrl, productName } = deps.config;
  if (!webUrl) return;
  const waitingPage = startingPage(productName);
  const answerStarting = (reply: FastifyReply<RouteGenericInterface, RawServerBase>): void => {
    const wantsPage = reply.request.headers.accept?.includes('text/html') ?? false;
    reply.code(503).header('retry-after', '1').header('cache-control', 'no-store');
    if (wantsPage) reply.type('text/html; charset=utf-8').send(waitingPage);
    else reply.type('text/plain; charset=utf-8').send('The pages are starting; try again in a moment.');
  };
  await app.register(fastifyHttpProxy, {
    upstream: webUrl,
    httpMethods: ['GET', 'HEAD'],
    proxyPayloads: false,
    disableCache: true,
    undici: { connections: 64, pipelining: 1, headersTimeout: 30_000, bodyTimeout: 60_000 },
    preHandler: (request, reply, done) => {
      if (isOwnPath(request)) reply.callNotFound();
      else done();
    },
    replyOptions: {
      rewriteRequestHeaders: (request, headers) => ({
        ...Object.fromEntries(Object.entries(headers).filter(([name]) => !isInternalHeader(name))),
        cookie: themeCookieOf(headers.cookie),
        'x-forwarded-host': request.headers.host,
        'x-forwarded-proto': 'protocol' in request ? String(request.protocol) : 'http',
      }),
      onError: (reply, { error }) => {
        deps.log.debug({ err: error }, 'The web process did not answer.');
        answerStarting(reply);
      },
    },
  });
};

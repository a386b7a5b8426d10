import type { Config } from '../config.ts';
import type { Deps } from '../deps.ts';
import type { App } from './route.ts';

/** Next writes its page data into inline scripts that no hash can name ahead; styles come from its runtime. */
const pagePolicy = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
];

/** A logo may live on another host, and a development server evaluates code; nothing else is let in. */
const pagePolicyFor = ({ logoUrl, isWebDev }: Config): string => {
  const extras: Record<string, string> = {
    'img-src': logoUrl && URL.canParse(logoUrl) ? new URL(logoUrl).origin : '',
    'script-src': isWebDev ? "'unsafe-eval'" : '',
  };
  return pagePolicy.map((rule) => `${rule} ${extras[rule.split(' ', 1)[0] ?? ''] ?? ''}`.trim()).join('; ');
};

/** JSON, files and errors are never a document: they may load nothing and be framed nowhere. */
const dataPolicy = "default-src 'none'; frame-ancestors 'none'; sandbox";

/** Headers that every answer carries; a route may replace its own. */
export const addSecurityHeaders = (app: App, deps: Pick<Deps, 'config'>): void => {
  const htmlPolicy = pagePolicyFor(deps.config);
  app.addHook('onSend', async (_request, reply) => {
    const isPage = String(reply.getHeader('content-type') ?? '').startsWith('text/html');
    if (!reply.hasHeader('content-security-policy')) {
      reply.header('content-security-policy', isPage ? htmlPolicy : dataPolicy);
    }
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'same-origin');
    reply.header('cross-origin-opener-policy', 'same-origin');
    reply.header('cross-origin-resource-policy', 'same-origin');
    reply.header('permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=()');
    if (deps.config.publicUrl?.startsWith('https:')) {
      reply.header('strict-transport-security', 'max-age=31536000');
    }
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  });
};

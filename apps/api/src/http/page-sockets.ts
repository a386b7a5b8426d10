import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Config } from '../config.ts';
import type { App } from './route.ts';

/** A raw request head, as it came in: Next must see the same handshake that the browser sent. */
const headOf = ({ method, url, httpVersion, rawHeaders }: IncomingMessage): string => {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
};

const pipeThrough = (
  webUrl: string,
  request: IncomingMessage,
  { socket, head }: { socket: Duplex; head: Buffer },
): void => {
  const { hostname, port } = new URL(webUrl);
  const upstream = connect(Number(port), hostname, () => {
    upstream.write(headOf(request));
    upstream.write(head);
    socket.pipe(upstream).pipe(socket);
  });
  upstream.on('error', () => socket.destroy());
  socket.on('error', () => upstream.destroy());
  socket.on('close', () => upstream.destroy());
};

/**
 * Where WebSocket upgrades of ours arrive. Next's development server pushes changes to pages over a
 * socket of its own, which passes through byte for byte; only then, because raw bytes also carry
 * headers that `pages.ts` keeps from Next.
 */
export const upgradesOf = (app: App, { webUrl, isWebDev }: Pick<Config, 'webUrl' | 'isWebDev'>): Server => {
  if (!webUrl || !isWebDev) return app.server;
  // Never listens: it only stands in for the server that the socket plugin would take upgrades from.
  const ours = createServer();
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url?.startsWith('/_next/')) pipeThrough(webUrl, request, { socket, head });
    else ours.emit('upgrade', request, socket, head);
  });
  return ours;
};

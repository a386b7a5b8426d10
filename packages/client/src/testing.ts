import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

const isAddress = (value: AddressInfo | string | null): value is AddressInfo =>
  typeof value === 'object' && value !== null;

export interface Fixture {
  readonly origin: string;
  readonly close: () => Promise<void>;
}

/** A real server on a free port; the test is the application behind it. */
export const serve = async (
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  onSocket?: (socket: WebSocket) => void,
): Promise<Fixture> => {
  const server = createServer(answer).listen(0, '127.0.0.1');
  const sockets = new WebSocketServer({ server, path: '/ws' });
  if (onSocket) sockets.on('connection', onSocket);
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (!isAddress(address)) throw new Error('The test server has no address.');
  return {
    origin: `127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets.clients) socket.terminate();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
};

export const reply = (response: ServerResponse, status: number, body?: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body === undefined ? undefined : JSON.stringify(body));
};

export const refuse = (response: ServerResponse, status: number, code: string): void =>
  reply(response, status, { error: { code, message: 'A sentence.', requestId: 'req_1' } });

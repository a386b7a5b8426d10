import { createServer } from 'node:net';

const PORTS_TRIED = 100;

/**
 * @param {number} port 0 asks for any free one
 * @param {string} host
 * @returns {Promise<number | undefined>} the port that could be bound, undefined when it is taken
 */
export function probePort(port, host) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      const code = 'code' in error ? error.code : undefined;
      if (code === 'EADDRINUSE' || code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : undefined;
      server.close(() => resolve(bound));
    });
  });
}

/**
 * The wished port, or the next free one above it.
 * @param {number} wished
 * @param {string} host
 * @returns {Promise<number>}
 */
export async function choosePort(wished, host) {
  const last = Math.min(wished + PORTS_TRIED, 65_535);
  for (let port = wished; port <= last; port += 1) {
    if ((await probePort(port, host)) !== undefined) return port;
  }
  throw new Error(`No free port between ${wished} and ${last} on ${host}.`);
}

/**
 * A port nobody uses now, for a server that only this machine talks to.
 * @returns {Promise<number>}
 */
export async function anyPort() {
  const port = await probePort(0, '127.0.0.1');
  if (port === undefined) throw new Error('The system gives out no free port on 127.0.0.1.');
  return port;
}

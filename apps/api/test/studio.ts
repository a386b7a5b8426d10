import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Endpoint,
  type EndpointRequest,
  type EndpointResponse,
  register,
  type Session,
  sessionSchema,
} from '@studio/contracts';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { buildApp } from '../src/app.ts';
import { compose } from '../src/compose.ts';
import type { Deps } from '../src/deps.ts';
import type { App } from '../src/http/route.ts';
import { createTestDatabase } from './database.ts';
import { engineToken, testConfig } from './settings.ts';

export { engineToken };
export const goodPassword = 'correct horse battery staple';

type Sent<E extends Endpoint> = Partial<EndpointRequest<E>> & {
  readonly token?: string;
  readonly headers?: Record<string, string>;
};

/** The whole api on a database of its own, without a port. */
export interface TestStudio {
  readonly app: App;
  readonly deps: Deps;
  readonly databaseUrl: string;
  /** Sends one contract's request and returns the raw answer. */
  send<const E extends Endpoint>(endpoint: E, sent?: Sent<E>): Promise<LightMyRequestResponse>;
  /** As `send`, but expects success and returns the checked body. */
  call<const E extends Endpoint>(endpoint: E, sent?: Sent<E>): Promise<EndpointResponse<E>>;
  /** Creates the owner; needed before most other things. */
  registerOwner(): Promise<Session>;
  /** Opens a loopback port, for sockets and streams. */
  listen(): Promise<string>;
  stop(): Promise<void>;
}

const toInject = (endpoint: Endpoint, sent: Sent<Endpoint>): InjectOptions => {
  const params: Record<string, unknown> = { ...sent.params };
  const query: Record<string, unknown> = { ...sent.query };
  const search = new URLSearchParams(
    Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]),
  );
  return {
    method: endpoint.method,
    url: `${endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])))}?${search}`,
    headers: { ...(sent.token && { authorization: `Bearer ${sent.token}` }), ...sent.headers },
    ...(sent.body !== undefined && { payload: JSON.stringify(sent.body) }),
  };
};

function readBody<E extends Endpoint>(endpoint: E, response: LightMyRequestResponse): EndpointResponse<E>;
function readBody(endpoint: Endpoint, response: LightMyRequestResponse): unknown {
  if (response.statusCode !== endpoint.status) {
    throw new Error(`${endpoint.id} answered ${response.statusCode}: ${response.body}`);
  }
  return endpoint.response?.parse(response.json());
}

/** Call `stop()` in `afterAll`. `env`: settings that differ from the defaults. */
export const startTestStudio = async (env: Record<`STUDIO_${string}`, string> = {}): Promise<TestStudio> => {
  const database = await createTestDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'studio-test-'));
  const config = testConfig({ databaseUrl: database.url, dataDir }, env);
  const deps = await compose(config);
  const app = await buildApp(deps);

  const send: TestStudio['send'] = (endpoint, sent = {}) => {
    const options = toInject(endpoint, sent);
    const contentType = options.payload === undefined ? {} : { 'content-type': 'application/json' };
    return app.inject({ ...options, headers: { ...contentType, ...options.headers } });
  };
  return {
    app,
    deps,
    databaseUrl: database.url,
    send,
    call: async (endpoint, sent) => readBody(endpoint, await send(endpoint, sent)),
    registerOwner: async () => {
      const body = { email: 'owner@example.org', password: goodPassword, name: 'Ada Owner' };
      return sessionSchema.parse(readBody(register, await send(register, { body })));
    },
    listen: () => app.listen({ host: '127.0.0.1', port: 0 }),
    stop: async () => {
      await app.close();
      await deps.db.close();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
};

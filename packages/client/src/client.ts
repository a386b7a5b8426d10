import type { Endpoint, EndpointResponse } from '@studio/contracts';
import { NetworkError, readApiError } from './errors.ts';
import type { CallArguments, CallSettings, Route } from './route.ts';
import { buildPath } from './url.ts';

export interface ClientOptions {
  /** Origin of the studio, e.g. `http://127.0.0.1:8188`; empty for the page's own origin. */
  readonly baseUrl: string;
  readonly fetch?: typeof fetch;
  readonly getAccessToken?: () => string | null;
  /** Gets a new access token; false when the session is over. Runs once for any number of parallel refusals. */
  readonly onUnauthorized?: () => Promise<boolean>;
}

export interface Client {
  /** @throws {ApiError} the server refused. @throws {NetworkError} no answer came. */
  readonly call: <E extends Endpoint>(route: Route<E>, ...args: CallArguments<E>) => Promise<EndpointResponse<E>>;
}

interface LooseOptions extends CallSettings {
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  readonly body?: unknown;
}

const toInit = (method: string, options: LooseOptions, token: string | null): RequestInit => ({
  method,
  headers: {
    accept: 'application/json',
    ...(options.body !== undefined && { 'content-type': 'application/json' }),
    ...(options.idempotencyKey !== undefined && { 'idempotency-key': options.idempotencyKey }),
    ...(token !== null && { authorization: `Bearer ${token}` }),
  },
  ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
  ...(options.signal && { signal: options.signal }),
});

/** Runs `work` once for all callers that ask while it is under way. */
const singleFlight = <T>(work: () => Promise<T>): (() => Promise<T>) => {
  let running: Promise<T> | null = null;
  return () => {
    running ??= work().finally(() => {
      running = null;
    });
    return running;
  };
};

export const createClient = ({
  baseUrl,
  getAccessToken,
  onUnauthorized,
  fetch: send = fetch,
}: ClientOptions): Client => {
  const renew = singleFlight(onUnauthorized ?? (() => Promise.resolve(false)));

  const attempt = async (route: Route<Endpoint>, options: LooseOptions, token: string | null): Promise<Response> => {
    const url = baseUrl + buildPath(route.path, options.params, options.query);
    try {
      return await send(url, toInit(route.method, options, token));
    } catch (cause) {
      if (options.signal?.aborted) throw cause;
      throw new NetworkError(cause);
    }
  };

  const attemptAsUser = async (route: Route<Endpoint>, options: LooseOptions): Promise<Response> => {
    const token = getAccessToken?.() ?? null;
    const response = await attempt(route, options, token);
    if (response.status !== 401) return response;
    /** Another call may have renewed the token while this one was on its way. */
    const isStale = (getAccessToken?.() ?? null) !== token;
    if (!isStale && !(await renew())) return response;
    return attempt(route, options, getAccessToken?.() ?? null);
  };

  return {
    call: async (route, ...args) => {
      const options: LooseOptions = args[0] ?? {};
      const response =
        route.auth === 'user' ? await attemptAsUser(route, options) : await attempt(route, options, null);
      if (!response.ok) throw await readApiError(response);
      return response.status === 204 ? undefined : JSON.parse(await response.text());
    },
  };
};

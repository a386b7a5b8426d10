import type { z } from 'zod';
import type { ErrorCode } from './errors.ts';

/** Who may call: anyone, a signed-in user, the holder of a refresh cookie, or an engine. */
export type EndpointAuth = 'public' | 'user' | 'refresh' | 'engine';

/** One HTTP operation, complete enough to serve it, call it and document it. */
export interface Endpoint {
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** OpenAPI template, e.g. `/api/v1/jobs/{id}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly auth: EndpointAuth;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly status: 200 | 201 | 202 | 204;
  /** Absent for 204 and for streams. */
  readonly response?: z.ZodType;
  /** Errors particular to this operation, besides those that any request can meet. */
  readonly errors: readonly ErrorCode[];
  /** The client may send `Idempotency-Key`; a repeat with the same key returns the first answer. */
  readonly idempotent?: boolean;
}

export const defineEndpoint = <const E extends Endpoint>(endpoint: E): E => endpoint;

type Parsed<T> = T extends z.ZodType ? z.output<T> : undefined;
type Sent<T> = T extends z.ZodType ? z.input<T> : undefined;

/** What a handler receives. */
export interface EndpointInput<E extends Endpoint> {
  readonly params: Parsed<E['params']>;
  readonly query: Parsed<E['query']>;
  readonly body: Parsed<E['body']>;
}

/** What a caller sends, before defaults are filled in. */
export interface EndpointRequest<E extends Endpoint> {
  readonly params: Sent<E['params']>;
  readonly query: Sent<E['query']>;
  readonly body: Sent<E['body']>;
}

export type EndpointResponse<E extends Endpoint> = E['response'] extends z.ZodType
  ? z.output<E['response']>
  : undefined;

import type { Endpoint, EndpointRequest } from '@studio/contracts';

/**
 * What a call needs to know of an endpoint at run time. The types of its request and answer ride along in
 * `endpoint`, which is never set: the schemas stay out of the browser's bundle (zod alone is 60 KB gzipped).
 */
export interface Route<E extends Endpoint> {
  readonly id: E['id'];
  readonly method: E['method'];
  readonly path: E['path'];
  readonly auth: E['auth'];
  readonly endpoint?: E;
}

type Nothing = Record<never, never>;

/** A required property, an optional one when every field in it is optional, or none when there is nothing to send. */
type Part<K extends string, T> = [T] extends [undefined]
  ? Nothing
  : Nothing extends T
    ? { readonly [P in K]?: T }
    : { readonly [P in K]: T };

export interface CallSettings {
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export type CallOptions<E extends Endpoint> = Part<'params', EndpointRequest<E>['params']> &
  Part<'query', EndpointRequest<E>['query']> &
  Part<'body', EndpointRequest<E>['body']> &
  CallSettings;

/** The options may be left out where nothing in them is required. */
export type CallArguments<E extends Endpoint> =
  Nothing extends CallOptions<E> ? [options?: CallOptions<E>] : [options: CallOptions<E>];

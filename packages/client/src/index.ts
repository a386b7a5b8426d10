export { type Client, type ClientOptions, createClient } from './client.ts';
export { ApiError, NetworkError } from './errors.ts';
export { type ConnectionStatus, type EventStream, type EventsOptions, openEvents } from './events.ts';
export type { CallOptions, Route } from './route.ts';
export * as routes from './routes.ts';

import { createClient, routes } from '@studio/client';
import { cache } from 'react';

/** Runs on the server, over loopback; every page reads the same answer once per request. */
export const loadStudio = cache(() => {
  const send: typeof fetch = (input, init) => fetch(input, { ...init, cache: 'no-store' });
  const client = createClient({ baseUrl: process.env.STUDIO_API_URL ?? 'http://127.0.0.1:8188', fetch: send });
  return client.call(routes.getStudio);
});

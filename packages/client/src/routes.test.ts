import { endpoints } from '@studio/contracts';
import { expect, test } from 'vitest';
import { routes } from './index.ts';

/** The compiler checks every line that is there; this one notices a line that is missing. */
test('every request of the public API has its route, equal to its contract', () => {
  const streams = endpoints.filter((endpoint) => endpoint.response === undefined && endpoint.status === 200);
  const expected = endpoints
    .filter((endpoint) => endpoint.auth !== 'engine' && !streams.includes(endpoint))
    .map(({ id, method, path, auth }) => [id, { id, method, path, auth }]);
  expect({ ...routes }).toEqual(Object.fromEntries(expected));
});

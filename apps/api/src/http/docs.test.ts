import { endpoints } from '@studio/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestStudio, type TestStudio } from '../../test/studio.ts';

let studio: TestStudio;
beforeAll(async () => {
  studio = await startTestStudio({ STUDIO_PRODUCT_NAME: 'Acme Pictures' });
});
afterAll(() => studio.stop());

test('the document describes every operation under the product name', async () => {
  const document = (await studio.app.inject('/api/openapi.json')).json();
  expect(document.openapi).toBe('3.1.0');
  expect(document.info.title).toBe('Acme Pictures API');
  for (const { path, method, id } of endpoints) {
    expect(document.paths[path][method.toLowerCase()].operationId).toBe(id);
  }
});

test('every operation that is described is served', async () => {
  await studio.app.ready();
  const missing = endpoints.filter(
    ({ method, path }) => !studio.app.hasRoute({ method, url: path.replaceAll(/\{(\w+)\}/g, ':$1') }),
  );
  expect(missing.map(({ id }) => id)).toEqual([]);
});

test('the docs page loads everything from this server', async () => {
  const page = await studio.app.inject('/api/docs/');
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  const links = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(links.length).toBeGreaterThan(3);
  for (const link of links) {
    expect(link).toMatch(/^\.\//);
    expect((await studio.app.inject(`/api/docs/${link.slice(2)}`)).statusCode).toBe(200);
  }
});

import {
  type Asset,
  deleteAsset,
  generateTxt2img,
  getAsset,
  getJob,
  listAssets,
  restoreAsset,
} from '@studio/contracts';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openScriptedEngine, pictureBytes, type ScriptedEngine } from '../../../test/scripted-engine.ts';
import { signInStranger } from '../../../test/stranger.ts';
import { startTestStudio, type TestStudio } from '../../../test/studio.ts';
import { markForPurge } from './queries.ts';
import { purgeTrash, sweepUploads } from './tasks.ts';

let studio: TestStudio;
let engine: ScriptedEngine;
let token: string;

beforeAll(async () => {
  studio = await startTestStudio({ STUDIO_ASSETS_TRASH_DAYS: '30' });
  token = (await studio.registerOwner()).accessToken;
  engine = await openScriptedEngine(studio);
});
afterAll(() => studio?.stop());

const draw = async (prompt: string, change: { isKept?: boolean } = {}): Promise<Asset> => {
  const job = await studio.call(generateTxt2img, { token, body: { prompt } });
  const lease = await engine.take();
  const outputs = await engine.upload(lease, [pictureBytes(prompt)]);
  await engine.finalize(lease, { outputs: outputs.map((output) => ({ ...output, ...change })) });
  const [asset] = (await studio.call(getJob, { token, params: { id: job.id } })).assets;
  if (!asset) throw new Error('the job has no picture');
  return asset;
};
const gallery = async () => (await studio.call(listAssets, { token })).items.map(({ id }) => id);
const trashedDaysAgo = (asset: Asset, days: number) =>
  studio.deps.db.tx('system', (tx) =>
    sql`update asset set deleted_at = now() - make_interval(days => ${days}) where id = ${asset.id}`.execute(tx),
  );
const get = (asset: Asset, as = token) => studio.send(getAsset, { token: as, params: { id: asset.id } });

test('the gallery lists pictures newest first, in pages', async () => {
  const [first, second, third] = [await draw('one'), await draw('two'), await draw('three')];
  const page = await studio.call(listAssets, { token, query: { limit: 2 } });
  expect(page.items.map(({ id }) => id)).toEqual([third.id, second.id]);
  const rest = await studio.call(listAssets, { token, query: { cursor: page.nextCursor ?? '' } });
  expect(rest.items.map(({ id }) => id)).toEqual([first.id]);
  expect(first.params).toMatchObject({ prompt: 'one', model: 'starter.safetensors' });
});

test('a picture is served to whoever has its link, and to nobody who changes the link', async () => {
  const asset = await draw('a red apple, 3d style');
  const answer = await studio.app.inject(asset.url);
  expect(answer.body).toBe('picture a red apple, 3d style');
  expect(answer.headers).toMatchObject({
    'content-type': 'image/png',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cache-control': expect.stringContaining('immutable'),
  });
  expect(answer.headers).not.toHaveProperty('content-disposition');
  const download = await studio.app.inject(asset.downloadUrl);
  expect(download.headers['content-disposition']).toMatch(/^attachment; .*a-red-apple-3d-style-.{6}\.png$/);
  for (const wrong of [
    asset.url.replace(/sig=.{4}/, 'sig=AAAA'),
    asset.url.replace(/exp=\d+/, 'exp=99999999999'),
    `${asset.url}&name=evil.html`,
    asset.url.split('?')[0] ?? '',
  ]) {
    expect((await studio.app.inject(wrong)).json()).toMatchObject({ error: { code: 'blob.signature_invalid' } });
  }
});

test('a link stays the same, so that browsers keep what they have', async () => {
  const asset = await draw('stable');
  const again = await studio.call(getAsset, { token, params: { id: asset.id } });
  expect(again.url).toBe(asset.url);
});

test('a part of a picture can be asked for', async () => {
  const asset = await draw('range');
  const part = async (range: string) => {
    const answer = await studio.app.inject({ url: asset.url, headers: { range } });
    return [answer.statusCode, answer.body, answer.headers['content-range']];
  };
  expect(await part('bytes=0-6')).toEqual([206, 'picture', 'bytes 0-6/13']);
  expect(await part('bytes=-5')).toEqual([206, 'range', 'bytes 8-12/13']);
  expect(await part('bytes=8-')).toEqual([206, 'range', 'bytes 8-12/13']);
  expect(await part('bytes=13-')).toEqual([416, '', 'bytes */13']);
  expect(await part('lines=1-2')).toEqual([200, 'picture range', undefined]);
});

test('bytes that are not those announced are not stored', async () => {
  await studio.call(generateTxt2img, { token, body: { prompt: 'lie' } });
  const lease = await engine.take();
  const [output] = await engine.upload(lease, [pictureBytes('true')]);
  const put = (payload: string) =>
    studio.app.inject({
      method: 'PUT',
      url: `/blobs/${output?.blobKey}`,
      payload,
      headers: { 'content-type': 'image/png' },
    });
  expect((await put('x')).json()).toMatchObject({ error: { code: 'blob.signature_invalid' } });
  await expect(engine.upload({ ...lease, attempt: 1 }, [pictureBytes('a')])).resolves.toHaveLength(1);
  await engine.finalize(lease);
});

test('a deleted picture leaves the gallery and comes back; both can be repeated', async () => {
  const asset = await draw('undo');
  const params = { id: asset.id };
  for (let i = 0; i < 2; i++) {
    expect((await studio.call(deleteAsset, { token, params })).deletedAt).not.toBeNull();
    expect(await gallery()).not.toContain(asset.id);
  }
  expect((await studio.call(getJob, { token, params: { id: asset.jobId } })).assets).toEqual([]);
  for (let i = 0; i < 2; i++) {
    expect((await studio.call(restoreAsset, { token, params })).deletedAt).toBeNull();
    expect(await gallery()).toContain(asset.id);
  }
});

test('after its days in the trash a picture is removed for good, and no sooner', async () => {
  const [young, old] = [await draw('young'), await draw('old')];
  for (const asset of [young, old]) await studio.call(deleteAsset, { token, params: { id: asset.id } });
  await trashedDaysAgo(young, 29);
  await trashedDaysAgo(old, 31);
  await purgeTrash(studio.deps);
  await purgeTrash(studio.deps);
  expect((await get(old)).json()).toMatchObject({ error: { code: 'asset.not_found' } });
  expect((await studio.app.inject(old.url)).json()).toMatchObject({ error: { code: 'blob.not_found' } });
  expect((await studio.app.inject(young.url)).statusCode).toBe(200);
  expect((await studio.call(restoreAsset, { token, params: { id: young.id } })).deletedAt).toBeNull();
});

test('a picture whose removal was cut short cannot be restored, and the next turn finishes it', async () => {
  const asset = await draw('half gone');
  await studio.call(deleteAsset, { token, params: { id: asset.id } });
  await trashedDaysAgo(asset, 31);
  await studio.deps.db.tx('system', (tx) => markForPurge(tx, { trashDays: 30, limit: 10 }));
  expect((await studio.send(restoreAsset, { token, params: { id: asset.id } })).json()).toMatchObject({
    error: { code: 'asset.purged' },
  });
  await purgeTrash(studio.deps);
  expect((await get(asset)).statusCode).toBe(404);
});

test('a preview is shown with its job, never in the gallery, and is gone after a day', async () => {
  const asset = await draw('preview', { isKept: false });
  expect(await gallery()).not.toContain(asset.id);
  await studio.deps.db.tx('system', (tx) =>
    sql`update asset set created_at = now() - interval '25 hours' where id = ${asset.id}`.execute(tx),
  );
  await purgeTrash(studio.deps);
  expect((await get(asset)).statusCode).toBe(404);
});

test('files of an attempt that never ended are swept', async () => {
  await studio.call(generateTxt2img, { token, body: { prompt: 'orphan' } });
  const lease = await engine.take();
  const [output] = await engine.upload(lease, [pictureBytes('orphan')]);
  const key = output?.blobKey ?? '';
  await sweepUploads(studio.deps);
  expect(await studio.deps.blob.find(key)).not.toBeNull();
  await studio.deps.db.tx('system', (tx) => sql`update upload set created_at = now() - interval '2 hours'`.execute(tx));
  await sweepUploads(studio.deps);
  expect(await studio.deps.blob.find(key)).toBeNull();
  await engine.finalize(lease);
});

test('a picture of another team does not exist', async () => {
  const asset = await draw('mine');
  const { token: stranger } = await signInStranger(studio);
  for (const endpoint of [getAsset, deleteAsset, restoreAsset]) {
    const answer = await studio.send(endpoint, { token: stranger, params: { id: asset.id } });
    expect(answer.json()).toMatchObject({ error: { code: 'asset.not_found' } });
  }
  expect((await studio.call(listAssets, { token: stranger })).items).toEqual([]);
  expect((await get(asset)).statusCode).toBe(200);
});

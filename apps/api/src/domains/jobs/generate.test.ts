import { generateTxt2img, getJob, type Session } from '@studio/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openScriptedEngine, type ScriptedEngine } from '../../../test/scripted-engine.ts';
import { startTestStudio, type TestStudio } from '../../../test/studio.ts';

let studio: TestStudio;
let owner: Session;
let engine: ScriptedEngine;

beforeAll(async () => {
  studio = await startTestStudio();
  owner = await studio.registerOwner();
  engine = await openScriptedEngine(studio);
});
afterAll(() => studio?.stop());

test('a prompt becomes a picture', async () => {
  const token = owner.accessToken;
  const job = await studio.call(generateTxt2img, { token, body: { prompt: 'a red apple' } });
  expect(job).toMatchObject({ status: 'queued', position: 1, kind: 'txt2img', assets: [] });
  const lease = await engine.take();
  expect(lease).toMatchObject({ jobId: job.id, attempt: 1, inputs: [] });
  expect(await engine.progress(lease)).toBe('continue');
  expect(await studio.call(getJob, { token, params: { id: job.id } })).toMatchObject({
    status: 'running',
    position: null,
  });
  expect(await engine.complete(lease, ['one', 'two'])).toBe(true);
  const done = await studio.call(getJob, { token, params: { id: job.id } });
  expect(done).toMatchObject({ status: 'succeeded', progress: null, assets: [{ index: 0 }, { index: 1 }] });
});

import { finalizeJob, generateTxt2img, getJob, type JobId, requestUploads } from '@studio/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openScriptedEngine, pictureBytes, type ScriptedEngine } from '../../../test/scripted-engine.ts';
import { engineToken, startTestStudio, type TestStudio } from '../../../test/studio.ts';

let studio: TestStudio;
let engine: ScriptedEngine;
let token: string;

beforeAll(async () => {
  studio = await startTestStudio();
  token = (await studio.registerOwner()).accessToken;
  engine = await openScriptedEngine(studio);
});
afterAll(() => studio?.stop());

const submit = () => studio.call(generateTxt2img, { token, body: { prompt: 'a red apple' } });
const read = (id: JobId) => studio.call(getJob, { token, params: { id } });

describe('uploads', () => {
  const announce = (contentType: string, sizeBytes = 4) => ({
    attempt: 1,
    files: [{ sha256: '0'.repeat(64), sizeBytes, contentType }],
  });

  test('only pictures of a bounded size can be stored, and only by the attempt that runs', async () => {
    await submit();
    const { jobId } = await engine.take();
    const ask = async (body: ReturnType<typeof announce>) =>
      (await studio.send(requestUploads, { token: engineToken, params: { id: jobId }, body })).json();
    expect(await ask(announce('text/html'))).toMatchObject({ error: { code: 'request.invalid' } });
    expect(await ask(announce('image/png', 2 ** 40))).toMatchObject({ error: { code: 'blob.too_large' } });
    expect(await ask({ ...announce('image/png'), attempt: 2 })).toMatchObject({ error: { code: 'job.lease_lost' } });
  });

  test('a finalize that names a file it did not put, or that is not there, stores nothing and may be corrected', async () => {
    const job = await submit();
    const lease = await engine.take();
    const [output] = await engine.upload(lease, [pictureBytes('real')]);
    if (!output) throw new Error('nothing uploaded');
    const { uploads } = await studio.call(requestUploads, {
      token: engineToken,
      params: { id: job.id },
      body: announce('image/png'),
    });
    const attempts = [
      [{ ...output, blobKey: 'outputs/other/key.png' }],
      [output, output],
      [{ ...output, blobKey: uploads[0]?.blobKey ?? '' }],
    ];
    for (const outputs of attempts) {
      const body = {
        attempt: 1,
        status: 'succeeded' as const,
        outputs,
        error: null,
        isRetryable: false,
        engineSeconds: 1,
      };
      const answer = await studio.send(finalizeJob, { token: engineToken, params: { id: job.id }, body });
      expect(answer.statusCode).toBeGreaterThanOrEqual(400);
      expect((await read(job.id)).status).toBe('running');
    }
    expect(await engine.finalize(lease, { outputs: [output] })).toBe(true);
  });
});

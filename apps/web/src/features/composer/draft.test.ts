import type { GenerateOptions, Model, ResolvedTxt2imgParams } from '@studio/contracts';
import { modelSchema, txt2imgLimits } from '@studio/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { aspects, sizeForAspect } from './aspect.ts';
import { emptyDraft, fromParams, resolveDraft, toRequest } from './draft.ts';

const starter: Model = modelSchema.parse({
  id: 'mdl_01jd8x7q5w3n4k6m8p9r0s2t4v',
  name: 'starter.safetensors',
  title: 'Starter',
  kind: 'checkpoint',
  family: 'sd1',
  sha256: 'a'.repeat(64),
  sizeBytes: 1,
  license: null,
  defaults: { width: 128, height: 128, steps: 24, cfg: 5, sampler: 'dpmpp_2m', scheduler: 'karras' },
  problem: null,
  createdAt: '2026-01-01T00:00:00Z',
});

const options: GenerateOptions = {
  models: [starter],
  samplers: ['euler', 'dpmpp_2m'],
  schedulers: ['normal', 'karras'],
  limits: { ...txt2imgLimits },
  isEngineConnected: true,
};

const side = fc.integer({ min: 8, max: 256 }).map((n) => n * 8);
const params: fc.Arbitrary<ResolvedTxt2imgParams> = fc.record({
  prompt: fc.string({ minLength: 1 }),
  negativePrompt: fc.string(),
  model: fc.constantFrom('starter.safetensors', 'gone.safetensors'),
  width: side,
  height: side,
  steps: fc.integer({ min: 1, max: 150 }),
  cfg: fc.double({ min: 0, max: 30, noNaN: true }),
  sampler: fc.constantFrom('euler', 'ddim'),
  scheduler: fc.constantFrom('normal', 'karras'),
  seed: fc.maxSafeNat(),
  count: fc.integer({ min: 1, max: 8 }),
});

test('remix asks for exactly what drew the picture', () => {
  fc.assert(
    fc.property(params, (drawn) => {
      expect(toRequest(fromParams(drawn), options)).toEqual(drawn);
    }),
  );
});

test('what was not chosen follows the model', () => {
  expect(resolveDraft(emptyDraft, options)).toMatchObject({
    model: 'starter.safetensors',
    width: 128,
    height: 128,
    steps: 24,
    sampler: 'dpmpp_2m',
    aspect: '1:1',
  });
});

test('a model with guidance of its own is told apart', () => {
  const flux = { ...starter, name: 'flux.safetensors', family: 'flux' };
  const both = { ...options, models: [starter, flux] };
  expect(resolveDraft(emptyDraft, both).isGuided).toBe(false);
  expect(resolveDraft({ ...emptyDraft, model: flux.name }, both).isGuided).toBe(true);
});

test('before an engine is there only the wish is sent', () => {
  const request = toRequest({ ...emptyDraft, prompt: 'a cat', count: 2 }, { ...options, models: [] });
  expect(request).toEqual({ prompt: 'a cat', negativePrompt: '', count: 2 });
});

test('a shape keeps about the native area, on multiples of eight', () => {
  fc.assert(
    fc.property(fc.integer({ min: 16, max: 128 }), fc.constantFrom(...aspects), (blocks, { ratio }) => {
      const native = { width: blocks * 8, height: blocks * 8 };
      const { width, height } = sizeForAspect(native, ratio, txt2imgLimits);
      expect([width % 8, height % 8]).toEqual([0, 0]);
      expect(width / height / ratio).toBeCloseTo(1, 0);
      expect((width * height) / (native.width * native.height)).toBeGreaterThan(0.8);
      expect((width * height) / (native.width * native.height)).toBeLessThan(1.25);
    }),
  );
});

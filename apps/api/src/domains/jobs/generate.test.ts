import {
  cancelJob,
  createJob,
  type Graph,
  generateTxt2img,
  getGenerateOptions,
  getJob,
  getJobStatus,
  listJobs,
  listModels,
  type Session,
} from '@studio/contracts';
import { txt2imgGraph } from '@studio/graph';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openScriptedEngine, type ScriptedEngine, starterModel } from '../../../test/scripted-engine.ts';
import { signInStranger } from '../../../test/stranger.ts';
import { startTestStudio, type TestStudio } from '../../../test/studio.ts';

let studio: TestStudio;
let owner: Session;
let engine: ScriptedEngine;
let token: string;

beforeAll(async () => {
  studio = await startTestStudio();
  owner = await studio.registerOwner();
  token = owner.accessToken;
  const broken = { ...starterModel, name: 'broken.safetensors', problem: 'The file is cut short.' };
  engine = await openScriptedEngine(studio, { models: [broken, starterModel] });
});
afterAll(() => studio?.stop());

const drawn = {
  prompt: 'x',
  negativePrompt: '',
  model: 'starter.safetensors',
  width: 64,
  height: 64,
  steps: 1,
  cfg: 1,
  sampler: 'euler',
  scheduler: 'normal',
  seed: 1,
  count: 1,
};

const submit = (body: Record<string, unknown> = {}) =>
  studio.app.inject({
    method: 'POST',
    url: '/api/v1/generate/txt2img',
    headers: { authorization: `Bearer ${token}` },
    payload: { prompt: 'a red apple', ...body },
  });

const emptyQueue = async (): Promise<void> => {
  for (let lease = await engine.claim(); lease; lease = await engine.claim()) await engine.finalize(lease);
};

test('a prompt becomes pictures with everything that drew them', async () => {
  const job = await studio.call(generateTxt2img, { token, body: { prompt: 'a red apple', count: 2 } });
  expect(job).toMatchObject({ status: 'queued', position: 1, attempt: 0, kind: 'txt2img', assets: [] });
  expect(job.params).toMatchObject({ ...starterModel.defaults, model: 'starter.safetensors', count: 2 });
  const lease = await engine.take();
  if (job.params) expect(lease.graph).toEqual(txt2imgGraph(job.params, 'sd1'));
  expect(lease).toMatchObject({ jobId: job.id, attempt: 1, cacheNamespace: owner.user.team.id, inputs: [] });
  expect(await engine.progress(lease, 3)).toBe('continue');
  expect(await engine.complete(lease, ['one', 'two'])).toBe(true);
  const done = await studio.call(getJob, { token, params: { id: job.id } });
  expect(done).toMatchObject({ status: 'succeeded', position: null, progress: null, error: null });
  expect(done.assets.map(({ index, params }) => ({ index, params }))).toEqual([
    { index: 0, params: job.params },
    { index: 1, params: job.params },
  ]);
});

test('what is left out is drawn at random, what is given is kept', async () => {
  const [first, second] = await Promise.all([
    studio.call(generateTxt2img, { token, body: { prompt: 'x' } }),
    studio.call(generateTxt2img, { token, body: { prompt: 'x', seed: 7, steps: 3, sampler: 'dpmpp_2m', cfg: 0 } }),
  ]);
  expect(second.params).toMatchObject({ seed: 7, steps: 3, sampler: 'dpmpp_2m', cfg: 0, scheduler: 'karras' });
  expect(first.params?.seed).not.toBe(7);
  await emptyQueue();
});

test('a job with the same Idempotency-Key is entered once', async () => {
  const headers = { 'idempotency-key': 'once' };
  const first = await studio.call(generateTxt2img, { token, headers, body: { prompt: 'once' } });
  const second = await studio.call(generateTxt2img, { token, headers, body: { prompt: 'once' } });
  expect(second).toEqual(first);
  const { items } = await studio.call(listJobs, { token, query: { status: 'active' } });
  expect(items).toHaveLength(1);
  await emptyQueue();
});

test('jobs come in pages, newest first, and can be filtered by status', async () => {
  const entered = [];
  for (let i = 0; i < 3; i++)
    entered.push(await studio.call(generateTxt2img, { token, body: { prompt: `page ${i}` } }));
  const ids = entered.map(({ id }) => id).reverse();
  const first = await studio.call(listJobs, { token, query: { limit: 2, status: 'queued' } });
  expect(first.items.map(({ id, position }) => [id, position])).toEqual([
    [ids[0], 3],
    [ids[1], 2],
  ]);
  const rest = await studio.call(listJobs, { token, query: { status: 'queued', cursor: first.nextCursor ?? '' } });
  expect(rest.items.map(({ id }) => id)).toEqual([ids[2]]);
  expect(rest.nextCursor).toBeNull();
  expect((await studio.send(listJobs, { token, query: { cursor: 'nonsense' } })).json()).toMatchObject({
    error: { code: 'request.invalid' },
  });
  await emptyQueue();
});

test('the options name what the engine offers, and models with a problem say which', async () => {
  const options = await studio.call(getGenerateOptions, { token });
  expect(options).toMatchObject({
    samplers: ['euler', 'euler_ancestral', 'dpmpp_2m'],
    schedulers: ['normal', 'karras'],
    isEngineConnected: true,
    limits: { sideMultiple: 8 },
  });
  expect(options.models.map(({ name, problem }) => [name, problem])).toEqual([
    ['broken.safetensors', 'The file is cut short.'],
    ['starter.safetensors', null],
  ]);
});

test('a model is drawn with as its family wants it, and one that only works on pictures is not offered', async () => {
  const defaults = { width: 1024, height: 768, steps: 20, cfg: 3.5, sampler: 'euler', scheduler: 'normal' };
  const models = [
    { ...starterModel, name: 'other.safetensors', family: 'flux', defaults },
    { ...starterModel, name: 'fill.safetensors', title: 'Fill', family: 'flux-fill' },
  ];
  const other = await openScriptedEngine(studio, { name: 'other', models });
  const offered = (await studio.call(getGenerateOptions, { token })).models.map(({ name }) => name);
  expect(offered).toEqual(['broken.safetensors', 'starter.safetensors', 'other.safetensors']);
  expect((await submit({ model: 'fill.safetensors' })).json()).toMatchObject({
    error: {
      code: 'generate.unknown_model',
      message: 'Fill only works on pictures; choose a model that draws from a prompt.',
    },
  });
  const job = await studio.call(generateTxt2img, { token, body: { prompt: 'x', model: 'other.safetensors' } });
  expect(job.params).toMatchObject(defaults);
  const lease = await other.take();
  expect(lease.graph['8']).toMatchObject({ class_type: 'FluxGuidance', inputs: { guidance: 3.5 } });
  await other.finalize(lease);
  await studio.deps.db.tx('system', (tx) => sql`delete from engine where name = 'other'`.execute(tx));
});

test('models are those of engines that were seen lately', async () => {
  expect((await studio.call(listModels, { token, query: { kind: 'checkpoint' } })).items).toHaveLength(2);
  expect((await studio.call(listModels, { token, query: { kind: 'lora' } })).items).toEqual([]);
  await studio.deps.db.tx('system', (tx) =>
    sql`update engine set last_seen_at = now() - interval '1 hour'`.execute(tx),
  );
  expect((await studio.call(listModels, { token })).items).toEqual([]);
  expect((await submit()).json()).toMatchObject({ error: { code: 'generate.no_engine' } });
  await engine.register();
  expect((await studio.call(listModels, { token })).items).toHaveLength(2);
});

describe('bad input is a coded error, and nothing is entered', () => {
  const field = (path: string) => ({ code: 'request.invalid', details: { fields: [{ path }] } });
  test.each([
    [
      'an unknown sampler',
      { sampler: 'eulr' },
      400,
      { code: 'generate.unknown_sampler', details: { samplers: ['euler', 'euler_ancestral', 'dpmpp_2m'] } },
    ],
    [
      'an unknown scheduler',
      { scheduler: 'x' },
      400,
      { code: 'generate.unknown_scheduler', details: { schedulers: ['normal', 'karras'] } },
    ],
    [
      'an unknown model',
      { model: 'x' },
      400,
      { code: 'generate.unknown_model', details: { models: ['starter.safetensors'] } },
    ],
    [
      'a model with a problem',
      { model: 'broken.safetensors' },
      400,
      { code: 'generate.unknown_model', message: 'The file is cut short.' },
    ],
    ['a width that is no multiple of 8', { width: 100 }, 400, field('width')],
    ['a height over the limit', { height: 4096 }, 400, field('height')],
    ['a width of zero', { width: 0 }, 400, field('width')],
    ['an empty prompt', { prompt: '' }, 400, field('prompt')],
    ['a prompt of spaces', { prompt: '   ' }, 400, field('prompt')],
    ['a prompt of 20,000 characters', { prompt: 'x'.repeat(20_000) }, 400, field('prompt')],
    ['text for a number', { steps: '20' }, 400, field('steps')],
    ['a number for text', { prompt: 7 }, 400, field('prompt')],
    ['no steps', { steps: 0 }, 400, field('steps')],
    ['a broken seed', { seed: 1.5 }, 400, field('seed')],
    ['an unknown field', { stepz: 20 }, 400, { code: 'request.invalid' }],
  ])('%s', async (_case, body, status, error) => {
    const answer = await submit(body);
    expect({ status: answer.statusCode, ...answer.json() }).toMatchObject({ status, error });
    expect((await studio.call(listJobs, { token, query: { status: 'active' } })).items).toEqual([]);
  });

  test('a body that is no JSON', async () => {
    const answer = await studio.app.inject({
      method: 'POST',
      url: '/api/v1/generate/txt2img',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      payload: '{"prompt": ',
    });
    expect(answer.json()).toMatchObject({ error: { code: 'request.unparseable' } });
  });

  const base = (): Graph => txt2imgGraph(drawn, 'sd1');
  test.each<[string, Graph, Record<string, unknown>]>([
    [
      'a graph with a cycle',
      { ...base(), '4': { class_type: 'KSampler', inputs: { latent_image: ['5', 0] } } },
      { code: 'graph.cycle' },
    ],
    [
      'a graph with an unknown node',
      { ...base(), '8': { class_type: 'Nope', inputs: {} } },
      { code: 'graph.unknown_node', details: { nodeIds: ['8'] } },
    ],
    [
      'a graph without an output',
      { '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'starter.safetensors' } } },
      { code: 'graph.no_output' },
    ],
    [
      'a graph with a wrong value',
      { ...base(), '4': { class_type: 'EmptyLatentImage', inputs: { width: 8, height: 64, batch_size: 1 } } },
      {
        code: 'graph.invalid',
        details: { nodeErrors: { '4': { errors: [{ type: 'value_smaller_than_min' }], dependent_outputs: ['7'] } } },
      },
    ],
    [
      'a graph that loads a picture nobody has',
      {
        '1': { class_type: 'LoadImage', inputs: { image: 'ast_01jd8x7q5w3n4k6m8p9r0s2t4v' } },
        '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'x' } },
      },
      { code: 'graph.invalid', details: { nodeIds: ['1'] } },
    ],
  ])('%s', async (_case, graph, error) => {
    const answer = await studio.send(createJob, { token, body: { graph } });
    expect({ status: answer.statusCode, ...answer.json() }).toMatchObject({ status: 400, error });
  });

  test('an empty graph', async () => {
    const answer = await studio.send(createJob, { token, body: { graph: {} } });
    expect(answer.json()).toMatchObject({ error: { code: 'request.invalid' } });
  });
});

test('a free graph runs, and may load a picture of the team', async () => {
  const { assets } = (await studio.call(listJobs, { token, query: { status: 'succeeded' } })).items.at(-1) ?? {};
  const image = assets?.[0]?.id ?? '';
  const graph: Graph = {
    '1': { class_type: 'LoadImage', inputs: { image } },
    '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'x' } },
  };
  const job = await studio.call(createJob, { token, body: { graph } });
  expect(job).toMatchObject({ kind: 'graph', params: null });
  const lease = await engine.take();
  expect(lease.inputs).toMatchObject([{ name: image, sha256: assets?.[0]?.sha256 }]);
  expect((await studio.app.inject(lease.inputs[0]?.url ?? '')).body).toBe('picture one');
  await engine.finalize(lease);
});

test('a graph of which some outputs cannot run is entered, and says which', async () => {
  const graph: Graph = {
    ...txt2imgGraph(drawn, 'sd1'),
    '8': { class_type: 'LoadImage', inputs: { image: 'ast_01jd8x7q5w3n4k6m8p9r0s2t4v' } },
    '9': { class_type: 'SaveImage', inputs: { images: ['8', 0], filename_prefix: 'x' } },
  };
  const refused = { '8': { errors: [{ type: 'value_not_in_list' }], dependent_outputs: ['9'] } };
  const job = await studio.call(createJob, { token, body: { graph } });
  expect(job.nodeErrors).toMatchObject(refused);
  const lease = await engine.take();
  expect(lease.graph).toEqual(graph);
  await engine.finalize(lease, { nodeErrors: { '5': { errors: [], dependent_outputs: [], class_type: 'KSampler' } } });
  const done = await studio.call(getJob, { token, params: { id: job.id } });
  expect(Object.keys(done.nodeErrors)).toEqual(['5', '8']);
});

test('a job of another team does not exist', async () => {
  const job = await studio.call(generateTxt2img, { token, body: { prompt: 'mine' } });
  const { token: stranger } = await signInStranger(studio);
  for (const endpoint of [getJob, getJobStatus, cancelJob]) {
    const answer = await studio.send(endpoint, { token: stranger, params: { id: job.id } });
    expect(answer.json()).toMatchObject({ error: { code: 'job.not_found' } });
  }
  expect((await studio.call(listJobs, { token: stranger })).items).toEqual([]);
  expect((await studio.call(getJobStatus, { token, params: { id: job.id } })).status).toBe('queued');
  await emptyQueue();
});

test('a team with too many jobs waiting is told so', async () => {
  const teamId = owner.user.team.id;
  await studio.deps.db.tx({ teamId }, (tx) => sql`update team_queue set max_queued = 1`.execute(tx));
  expect((await submit()).statusCode).toBe(202);
  expect((await submit()).json()).toMatchObject({ error: { code: 'job.queue_full' } });
  await studio.deps.db.tx({ teamId }, (tx) => sql`update team_queue set max_queued = 500`.execute(tx));
  await emptyQueue();
});

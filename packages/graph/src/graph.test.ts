import { type Graph, graphSchema, type ResolvedTxt2imgParams, traitsOf } from '@studio/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testCatalogue } from './catalogue.fixture.ts';
import { comboOptions, mergeCatalogues } from './catalogue.ts';
import { estimateCost } from './cost.ts';
import { findMainModel } from './main-model.ts';
import { txt2imgGraph } from './txt2img.ts';
import { validateGraph } from './validate.ts';

const params: ResolvedTxt2imgParams = {
  prompt: 'a red apple',
  negativePrompt: '',
  model: 'starter.safetensors',
  width: 512,
  height: 512,
  steps: 20,
  cfg: 7,
  sampler: 'euler',
  scheduler: 'karras',
  seed: 1,
  count: 1,
};

const anyParams = fc.record({
  prompt: fc.string(),
  negativePrompt: fc.string(),
  model: fc.constantFrom('starter.safetensors', 'other.safetensors'),
  width: fc.integer({ min: 8, max: 256 }).map((n) => n * 8),
  height: fc.integer({ min: 8, max: 256 }).map((n) => n * 8),
  steps: fc.integer({ min: 1, max: 150 }),
  cfg: fc.double({ min: 0, max: 30, noNaN: true }),
  sampler: fc.constantFrom('euler', 'dpmpp_2m'),
  scheduler: fc.constantFrom('normal', 'karras'),
  seed: fc.maxSafeNat(),
  count: fc.integer({ min: 1, max: 8 }),
});

const withInput = (nodeId: string, input: string, value: Graph[string]['inputs'][string] | undefined): Graph => {
  const graph = structuredClone(txt2imgGraph(params, 'sd1'));
  const node = graph[nodeId];
  if (!node) throw new Error(`no node ${nodeId}`);
  if (value === undefined) delete node.inputs[input];
  else node.inputs[input] = value;
  return graph;
};

const validate = (graph: Graph, catalogue = testCatalogue) =>
  validateGraph({ graph, catalogue, pictures: new Set(['x.png']) });
const runnable = { ok: true, nodeErrors: {} };

const reasonTypes = (graph: Graph, nodeId: string): string[] => {
  const verdict = validate(graph);
  return verdict.ok ? [] : (verdict.nodeErrors[nodeId]?.errors.map(({ type }) => type) ?? []);
};

const families = ['sd1', 'sd2', 'sdxl', 'sd3', 'flux', 'flux-schnell', 'of tomorrow', null];

describe('txt2imgGraph', () => {
  it('is valid for every family and parameter within bounds, and carries the seed and prompt unchanged', () => {
    fc.assert(
      fc.property(anyParams, fc.constantFrom(...families), (any, family) => {
        const graph = txt2imgGraph(any, family);
        expect(graphSchema.parse(graph)).toEqual(graph);
        expect(validate(graph)).toEqual(runnable);
        expect(graph['5']?.inputs.seed).toBe(any.seed);
        expect(graph['2']?.inputs.text).toBe(any.prompt);
        expect(findMainModel(graph)).toBe(any.model);
      }),
    );
  });

  it('draws with Flux by its own guidance instead of CFG', () => {
    const graph = txt2imgGraph({ ...params, cfg: 3.5 }, 'flux');
    expect(graph['5']?.inputs).toMatchObject({ cfg: 1, positive: ['8', 0] });
    expect(graph['8']).toEqual({ class_type: 'FluxGuidance', inputs: { conditioning: ['2', 0], guidance: 3.5 } });
    expect(txt2imgGraph({ ...params, cfg: 1 }, 'flux-schnell')['5']?.inputs).toMatchObject({
      cfg: 1,
      positive: ['2', 0],
    });
  });

  it('begins with the latents that the family draws in', () => {
    const latents = families.map((family) => txt2imgGraph(params, family)['4']?.class_type === 'EmptySD3LatentImage');
    expect(latents).toEqual([false, false, false, true, true, true, false, false]);
  });
});

describe('traitsOf', () => {
  it('lets only families draw from a prompt that need no picture', () => {
    for (const family of families) expect([family, traitsOf(family).canDrawFromPrompt]).toEqual([family, true]);
    for (const family of ['sd1-inpaint', 'sd2-edit', 'sdxl-inpaint', 'sdxl-refiner', 'flux-fill', 'flux-edit']) {
      expect([family, traitsOf(family).canDrawFromPrompt]).toEqual([family, false]);
    }
  });
});

describe('findMainModel', () => {
  const unet = { class_type: 'UNETLoader', inputs: { unet_name: 'flux.safetensors' } };
  const checkpoint = { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'starter.safetensors' } };

  it('takes the first checkpoint or diffusion model, and no name that comes by a link', () => {
    expect(findMainModel({ '1': unet, '2': checkpoint })).toBe('flux.safetensors');
    expect(findMainModel({ '1': { ...checkpoint, inputs: { ckpt_name: ['3', 0] } }, '2': unet })).toBe(
      'flux.safetensors',
    );
    expect(findMainModel({ '1': { class_type: 'LoadImage', inputs: { image: 'x.png' } } })).toBeNull();
  });
});

describe('validateGraph', () => {
  it.each([
    ['a missing required input', withInput('5', 'steps', undefined), '5', 'required_input_missing'],
    ['a list that is no link', withInput('5', 'model', ['1']), '5', 'bad_linked_input'],
    ['a link to a node that is not there', withInput('5', 'model', ['99', 0]), '5', 'bad_linked_input'],
    ['a link to an output that is not there', withInput('5', 'model', ['1', 3]), '5', 'bad_linked_input'],
    ['a link of another type', withInput('5', 'model', ['1', 1]), '5', 'return_type_mismatch'],
    ['text for a number', withInput('5', 'steps', 'twenty'), '5', 'invalid_input_type'],
    ['an object for a number', withInput('5', 'steps', { a: 1 }), '5', 'invalid_input_type'],
    ['null for a number', withInput('5', 'cfg', null), '5', 'invalid_input_type'],
    ['a number below its minimum', withInput('5', 'steps', 0), '5', 'value_smaller_than_min'],
    ['a number above its maximum', withInput('5', 'denoise', 1.5), '5', 'value_bigger_than_max'],
    ['an unlisted choice', withInput('5', 'sampler_name', 'eulr'), '5', 'value_not_in_list'],
    ['an unlisted choice in the newer spelling', withInput('5', 'scheduler', 'krras'), '5', 'value_not_in_list'],
  ])('names %s', (_case, graph, nodeId, type) => {
    expect(reasonTypes(graph, nodeId)).toEqual([type]);
  });

  it('says which outputs an error keeps from running', () => {
    const graph = { ...withInput('5', 'steps', 0), '8': { class_type: 'SaveImage', inputs: { images: ['6', 0] } } };
    const verdict = validate(graph);
    expect(verdict).toMatchObject({
      code: 'graph.invalid',
      nodeErrors: { '5': { class_type: 'KSampler', dependent_outputs: ['7', '8'] } },
    });
  });

  it('reads numbers as the engine will: numeric text and booleans count', () => {
    expect(validate(withInput('5', 'steps', '20'))).toEqual(runnable);
    expect(validate(withInput('5', 'cfg', '7.5'))).toEqual(runnable);
    expect(validate(withInput('5', 'denoise', true))).toEqual(runnable);
    expect(validate(withInput('5', 'steps', { __value__: 20 }))).toEqual(runnable);
  });

  it('lets a wildcard and a comma-separated set of types match', () => {
    const graph: Graph = {
      '1': { class_type: 'LoadImage', inputs: { image: 'x.png' } },
      '2': { class_type: 'Blend', inputs: { a: ['1', 0], b: ['1', 1], any: ['1', 1] } },
      '3': { class_type: 'SaveImage', inputs: { images: ['2', 0], filename_prefix: 'x' } },
    };
    expect(validate(graph)).toEqual(runnable);
  });

  it('names unknown nodes, also those that look like built-in properties', () => {
    const graph = {
      ...txt2imgGraph(params, 'sd1'),
      '8': { class_type: 'NoSuchNode', inputs: {} },
      '9': { class_type: 'constructor', inputs: {} },
    };
    expect(validate(graph)).toMatchObject({ code: 'graph.unknown_node', nodeIds: ['8', '9'] });
  });

  it('refuses a graph without an output', () => {
    const { '7': _save, ...graph } = txt2imgGraph(params, 'sd1');
    expect(validate(graph)).toMatchObject({ code: 'graph.no_output' });
  });

  it('ignores errors and cycles in nodes that no output needs', () => {
    const unneeded: Graph = {
      '8': { class_type: 'VAEDecode', inputs: {} },
      '9': { class_type: 'Blend', inputs: { a: ['10', 0] } },
      '10': { class_type: 'Blend', inputs: { a: ['9', 0] } },
    };
    expect(validate({ ...txt2imgGraph(params, 'sd1'), ...unneeded })).toEqual(runnable);
  });

  it('runs a graph as long as one output can, and says what keeps the others from it', () => {
    const bad: Graph = {
      '8': { class_type: 'LoadImage', inputs: { image: 'gone.png' } },
      '9': { class_type: 'SaveImage', inputs: { images: ['8', 0], filename_prefix: '' } },
    };
    expect(validate({ ...txt2imgGraph(params, 'sd1'), ...bad })).toMatchObject({
      ok: true,
      nodeErrors: {
        '8': { errors: [{ type: 'value_not_in_list' }], dependent_outputs: ['9'], class_type: 'LoadImage' },
      },
    });
    expect(validate(bad)).toMatchObject({ ok: false, code: 'graph.invalid', nodeIds: ['8'] });
  });

  it('takes what ComfyUI takes: lists, lazy and hidden inputs, several choices at once, text that stands for a choice', () => {
    const save = (source: string): Graph[string] => ({
      class_type: 'SaveImage',
      inputs: { images: [source, 0], filename_prefix: '' },
    });
    const graph: Graph = {
      '1': { class_type: 'Primitive', inputs: { value: 'karras', list: { __value__: ['a', 'b'] } } },
      '2': { class_type: 'Odd', inputs: { choice: ['1', 0], images: ['3', 0], prompt: 7, own: -5 } },
      '3': { class_type: 'Blend', inputs: {} },
      '4': save('2'),
    };
    expect(validate(graph)).toEqual(runnable);
    graph['1'] = { class_type: 'Primitive', inputs: { value: 'x', list: { __value__: ['a', 'c'] } } };
    expect(reasonTypes(graph, '1')).toEqual(['value_not_in_list']);
    graph['1'] = { class_type: 'Primitive', inputs: { value: {}, list: 'a' } };
    expect(reasonTypes(graph, '1')).toEqual(['invalid_input_type']);
    graph['2'] = { class_type: 'Odd', inputs: { choice: 'normal', images: ['3', 0], own: 'many' } };
    expect(reasonTypes(graph, '2')).toEqual(['invalid_input_type']);
  });

  it('finds a cycle wherever an output needs it, and none where there is none', () => {
    const nodeCount = fc.integer({ min: 2, max: 40 });
    const chains = nodeCount.chain((count) =>
      fc.tuple(fc.constant(count), fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: 60 })),
    );
    fc.assert(
      fc.property(chains, fc.boolean(), ([count, links], isAcyclic) => {
        const graph: Graph = { save: { class_type: 'SaveImage', inputs: { images: ['0', 0], filename_prefix: '' } } };
        for (let i = 0; i < count; i++) graph[String(i)] = { class_type: 'Blend', inputs: {} };
        // A link from a larger to a smaller number only can never close a cycle.
        const kept = isAcyclic ? links.filter(([from, to]) => from > to) : links;
        for (const [from, to] of kept) addLink(graph, from, to);
        const verdict = validate(graph);
        if (isAcyclic) expect(verdict).toEqual(runnable);
        else if (!verdict.ok) expectCycle(graph, verdict.nodeIds);
      }),
    );
  });

  it('checks 2,000 nodes with a cycle across all of them, in a chain or with many errors, without growing slow', () => {
    const graph: Graph = {
      '0': { class_type: 'Blend', inputs: { a: ['1999', 0] } },
      save0: { class_type: 'SaveImage', inputs: { images: ['0', 0], filename_prefix: '' } },
    };
    for (let i = 1; i < 2_000; i++) graph[String(i)] = { class_type: 'Blend', inputs: { a: [String(i - 1), 0] } };
    expect(validate(graph)).toMatchObject({ code: 'graph.cycle', nodeIds: { length: 2_000 } });
    graph['0'] = { class_type: 'VAEDecode', inputs: {} };
    for (let i = 1; i < 1_000; i++) graph[`save${i}`] = { class_type: 'SaveImage', inputs: { images: [String(i), 0] } };
    const verdict = validate(graph);
    expect(verdict).toMatchObject({ code: 'graph.invalid' });
    if (!verdict.ok) expect(Object.keys(verdict.nodeErrors)).toHaveLength(100);
  });
});

const addLink = (graph: Graph, from: number, to: number) => {
  const inputs = graph[String(from)]?.inputs;
  if (inputs) inputs[`any${Object.keys(inputs).length}`] = [String(to), 0];
};

const expectCycle = (graph: Graph, ids: readonly string[]) => {
  ids.forEach((id, place) => {
    const next = ids[(place + 1) % ids.length];
    const targets = Object.values(graph[id]?.inputs ?? {}).map((link) => (Array.isArray(link) ? link[0] : null));
    expect(targets).toContain(next);
  });
};

describe('mergeCatalogues', () => {
  it('offers the choices of all engines', () => {
    const other = structuredClone(testCatalogue);
    const spec = other.CheckpointLoaderSimple?.input.required;
    if (spec) spec.ckpt_name = [['third.safetensors']];
    const merged = mergeCatalogues([testCatalogue, other]);
    expect(comboOptions(merged, 'CheckpointLoaderSimple', 'ckpt_name')).toEqual([
      'starter.safetensors',
      'other.safetensors',
      'third.safetensors',
    ]);
    expect(comboOptions(testCatalogue, 'CheckpointLoaderSimple', 'ckpt_name')).toHaveLength(2);
    expect(comboOptions(merged, 'KSampler', 'scheduler')).toEqual(['normal', 'karras']);
    expect(comboOptions(merged, 'constructor', 'x')).toEqual([]);
  });
});

describe('estimateCost', () => {
  it('is one for a 512 x 512 picture of 20 steps and grows with pixels, steps and count', () => {
    expect(estimateCost(txt2imgGraph(params, 'sd1'))).toBe(1);
    fc.assert(
      fc.property(anyParams, (any) => {
        const cost = (any.width * any.height * any.steps * any.count) / (512 * 512 * 20);
        expect(estimateCost(txt2imgGraph(any, 'sd1'))).toBeCloseTo(Math.max(0.01, cost), 10);
      }),
    );
  });

  it('follows the latent through a second sampler', () => {
    const graph: Graph = {
      ...txt2imgGraph(params, 'sd1'),
      '8': { class_type: 'KSampler', inputs: { steps: 10, denoise: 0.5, latent_image: ['5', 0] } },
    };
    expect(estimateCost(graph)).toBe(1.25);
  });
});

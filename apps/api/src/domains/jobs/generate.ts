import { randomInt } from 'node:crypto';
import {
  type GenerateOptions,
  type Job,
  type ModelDefaults,
  type ResolvedTxt2imgParams,
  type Txt2imgParams,
  txt2imgLimits,
} from '@studio/contracts';
import { comboOptions, txt2imgGraph } from '@studio/graph';
import type { Deps } from '../../deps.ts';
import type { Actor } from '../../platform/actor.ts';
import { AppError } from '../../platform/app-error.ts';
import type { Tx } from '../../platform/db.ts';
import { getKnownNodes, type KnownNodes, listModelRows, presentModel } from '../models/index.ts';
import { checkGraph } from './check-graph.ts';
import { enqueue } from './enqueue.ts';

type ModelRow = Awaited<ReturnType<typeof listModelRows>>[number];

/** For a checkpoint that says nothing about itself: what suits most SD 1.x models. */
const fallbackDefaults: ModelDefaults = {
  width: 512,
  height: 512,
  steps: 20,
  cfg: 7,
  sampler: 'euler',
  scheduler: 'normal',
};
/** randomInt's widest range; a seed may be up to 2^53 - 1. */
const seedRange = 2 ** 48 - 1;
const maxListedModels = 1_000;

const listCheckpoints = async (tx: Tx): Promise<ModelRow[]> =>
  (await listModelRows(tx, { kind: 'checkpoint', before: undefined, limit: maxListedModels })).reverse();

const listNames = (models: readonly ModelRow[]): string[] => models.map((model) => model.name);

/** The named checkpoint, or the one registered first. Throws `generate.no_engine` or `generate.unknown_model`. */
const chooseModel = (models: readonly ModelRow[], name: string | undefined): ModelRow => {
  const usable = models.filter((model) => model.problem === null);
  const chosen = name === undefined ? usable[0] : models.find((model) => model.name === name);
  if (chosen && chosen.problem === null) return chosen;
  const details = { models: listNames(usable) };
  if (chosen?.problem) throw new AppError('generate.unknown_model', { message: chosen.problem, details });
  throw new AppError('generate.unknown_model', { details });
};

const checkChoice = (value: string, choices: readonly string[], kind: 'sampler' | 'scheduler'): void => {
  if (choices.includes(value)) return;
  throw new AppError(`generate.unknown_${kind}`, { details: { [kind]: value, [`${kind}s`]: choices } });
};

const samplersOf = ({ catalogue }: KnownNodes): string[] => comboOptions(catalogue, 'KSampler', 'sampler_name');
const schedulersOf = ({ catalogue }: KnownNodes): string[] => comboOptions(catalogue, 'KSampler', 'scheduler');

/** Fills in what the request leaves open: the model's own defaults, then a random seed. */
export const resolveTxt2img = (
  params: Txt2imgParams,
  { models, nodes }: { models: readonly ModelRow[]; nodes: KnownNodes },
): ResolvedTxt2imgParams => {
  if (Object.keys(nodes.catalogue).length === 0) throw new AppError('generate.no_engine');
  const model = chooseModel(models, params.model);
  const defaults = model.defaults ?? fallbackDefaults;
  const sampler = params.sampler ?? defaults.sampler;
  const scheduler = params.scheduler ?? defaults.scheduler;
  checkChoice(sampler, samplersOf(nodes), 'sampler');
  checkChoice(scheduler, schedulersOf(nodes), 'scheduler');
  return {
    prompt: params.prompt,
    negativePrompt: params.negativePrompt,
    model: model.name,
    width: params.width ?? defaults.width,
    height: params.height ?? defaults.height,
    steps: params.steps ?? defaults.steps,
    cfg: params.cfg ?? defaults.cfg,
    sampler,
    scheduler,
    seed: params.seed ?? randomInt(seedRange),
    count: params.count,
  };
};

/** Turns a request into a graph and enters it. */
export const generateTxt2img = (deps: Pick<Deps, 'db' | 'bus'>, actor: Actor, input: Txt2imgParams): Promise<Job> =>
  deps.db.tx({ teamId: actor.teamId }, async (tx, onCommit) => {
    const nodes = await getKnownNodes(tx);
    const params = resolveTxt2img(input, { models: await listCheckpoints(tx), nodes });
    const graph = txt2imgGraph(params);
    const nodeErrors = checkGraph({ graph, nodes, images: [] });
    return enqueue(deps, { tx, onCommit, actor }, { graph, params, nodeErrors });
  });

/** Everything the studio page can offer at this moment. */
export const getGenerateOptions = (deps: Pick<Deps, 'db'>, actor: Actor): Promise<GenerateOptions> =>
  deps.db.tx({ teamId: actor.teamId }, async (tx) => {
    const nodes = await getKnownNodes(tx);
    return {
      models: (await listCheckpoints(tx)).map(presentModel),
      samplers: samplersOf(nodes),
      schedulers: schedulersOf(nodes),
      limits: txt2imgLimits,
      isEngineConnected: nodes.isEngineConnected,
    };
  });

import { randomInt } from 'node:crypto';
import {
  type GenerateOptions,
  type Job,
  plainDefaults,
  type ResolvedTxt2imgParams,
  type Txt2imgParams,
  traitsOf,
  txt2imgLimits,
} from '@studio/contracts';
import { comboOptions, txt2imgGraph } from '@studio/graph';
import type { Deps } from '../../deps.ts';
import type { Actor } from '../../platform/actor.ts';
import { AppError } from '../../platform/app-error.ts';
import type { Tx } from '../../platform/db.ts';
import {
  findModel,
  getKnownNodes,
  type KnownNodes,
  listModelRows,
  type ModelRow,
  presentModel,
} from '../models/index.ts';
import { checkGraph } from './check-graph.ts';
import { enqueue } from './enqueue.ts';

/** randomInt's widest range; a seed may be up to 2^53 - 1. */
const seedRange = 2 ** 48 - 1;
const maxListedModels = 1_000;

/** Checkpoints that draw from a prompt alone, the one registered first before the others. */
const listCheckpoints = async (tx: Tx): Promise<ModelRow[]> =>
  (await listModelRows(tx, { kind: 'checkpoint', before: undefined, limit: maxListedModels }))
    .filter(({ family }) => traitsOf(family).canDrawFromPrompt)
    .reverse();

const problemOf = ({ title, family, problem }: ModelRow): string | null =>
  problem ??
  (traitsOf(family).canDrawFromPrompt
    ? null
    : `${title} only works on pictures; choose a model that draws from a prompt.`);

/** The named checkpoint, or the one registered first. Throws `generate.unknown_model`. */
const chooseModel = async (tx: Tx, name: string | undefined): Promise<ModelRow> => {
  // Most requests name their model: then one row is read, however many there are.
  const named = name === undefined ? null : await findModel(tx, 'checkpoint', name);
  const problem = named && problemOf(named);
  if (named && problem === null) return named;
  const usable = (await listCheckpoints(tx)).filter((model) => model.problem === null);
  if (name === undefined && usable[0]) return usable[0];
  const details = { models: usable.map((model) => model.name) };
  throw new AppError('generate.unknown_model', { ...(problem !== null && { message: problem }), details });
};

const checkChoice = (value: string, choices: readonly string[], kind: 'sampler' | 'scheduler'): void => {
  if (choices.includes(value)) return;
  throw new AppError(`generate.unknown_${kind}`, { details: { [kind]: value, [`${kind}s`]: choices } });
};

const samplersOf = ({ catalogue }: KnownNodes): string[] => comboOptions(catalogue, 'KSampler', 'sampler_name');
const schedulersOf = ({ catalogue }: KnownNodes): string[] => comboOptions(catalogue, 'KSampler', 'scheduler');

/** Fills in what the request leaves open: the model's own defaults, then a random seed. */
const resolveTxt2img = (params: Txt2imgParams, model: ModelRow, nodes: KnownNodes): ResolvedTxt2imgParams => {
  const defaults = model.defaults ?? plainDefaults;
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

/** Turns a request into a graph and enters it. Throws `generate.no_engine`. */
export const generateTxt2img = (deps: Pick<Deps, 'db' | 'bus'>, actor: Actor, input: Txt2imgParams): Promise<Job> =>
  deps.db.tx({ teamId: actor.teamId }, async (tx, onCommit) => {
    const nodes = await getKnownNodes(tx);
    if (Object.keys(nodes.catalogue).length === 0) throw new AppError('generate.no_engine');
    const model = await chooseModel(tx, input.model);
    const params = resolveTxt2img(input, model, nodes);
    const graph = txt2imgGraph(params, model.family);
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

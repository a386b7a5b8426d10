import type { CallOptions } from '@studio/client';
import type { GenerateOptions, generateTxt2img, Model, ModelDefaults, ResolvedTxt2imgParams } from '@studio/contracts';
import { plainDefaults, traitsOf } from '@studio/contracts';
import { type AspectName, aspects, findAspect, type Size, sizeForAspect } from './aspect.ts';

export type Txt2imgRequest = CallOptions<typeof generateTxt2img>['body'];

/** What the person has chosen. Null means: as the model likes it best. */
export interface Draft {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly model: string | null;
  /** A shape follows the model's native size; a size in pixels stays as it is. */
  readonly size: AspectName | Size;
  readonly steps: number | null;
  readonly cfg: number | null;
  readonly sampler: string | null;
  readonly scheduler: string | null;
  /** Null: a new one for every job. */
  readonly seed: number | null;
  readonly count: number;
}

export const emptyDraft: Draft = {
  prompt: '',
  negativePrompt: '',
  model: null,
  size: '1:1',
  steps: null,
  cfg: null,
  sampler: null,
  scheduler: null,
  seed: null,
  count: 1,
};

export const usableModels = (options: GenerateOptions | undefined): Model[] =>
  options?.models.filter((model) => model.kind === 'checkpoint' && model.problem === null) ?? [];

const findModel = (draft: Draft, options: GenerateOptions | undefined): Model | undefined => {
  const models = usableModels(options);
  return models.find((model) => model.name === draft.model) ?? models[0];
};

export interface Settings extends ModelDefaults {
  /** Null while no engine has named a model yet. */
  readonly model: string | null;
  readonly native: ModelDefaults;
  readonly aspect: AspectName | null;
  /** `cfg` is guidance that the network takes as an input; a negative prompt has no say then. */
  readonly isGuided: boolean;
}

const resolveSize = (draft: Draft, native: Size, options: GenerateOptions | undefined): Size => {
  if (typeof draft.size !== 'string') return draft.size;
  const aspect = aspects.find(({ name }) => name === draft.size) ?? aspects[0];
  return options ? sizeForAspect(native, aspect.ratio, options.limits) : native;
};

/** The draft with the model's own defaults where nothing was chosen: what the page shows and what is sent. */
export const resolveDraft = (draft: Draft, options: GenerateOptions | undefined): Settings => {
  const model = findModel(draft, options);
  const native = model?.defaults ?? plainDefaults;
  const size = resolveSize(draft, native, options);
  return {
    model: draft.model ?? model?.name ?? null,
    native,
    ...size,
    isGuided: traitsOf(model?.family ?? null).isGuided,
    aspect: options ? findAspect(size, native, options.limits) : null,
    steps: draft.steps ?? native.steps,
    cfg: draft.cfg ?? native.cfg,
    sampler: draft.sampler ?? native.sampler,
    scheduler: draft.scheduler ?? native.scheduler,
  };
};

/** Leaves the seed to the server where it is not held. Without a known model, all that is unset is the server's. */
export const toRequest = (draft: Draft, options: GenerateOptions | undefined): Txt2imgRequest => {
  const { prompt, negativePrompt, count, seed } = draft;
  const { model, width, height, steps, cfg, sampler, scheduler } = resolveDraft(draft, options);
  return {
    prompt,
    negativePrompt,
    count,
    ...(seed !== null && { seed }),
    ...(model !== null && { model, width, height, steps, cfg, sampler, scheduler }),
  };
};

/** Remix: everything that drew the picture, its seed held. */
export const fromParams = ({ width, height, ...rest }: ResolvedTxt2imgParams): Draft => ({
  ...rest,
  size: { width, height },
});

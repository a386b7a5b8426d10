'use client';
import type { GenerateOptions } from '@studio/contracts';
import { useId } from 'react';
import { classes } from '../../../ui/classes.ts';
import { Field, inputClasses } from '../../../ui/Field.tsx';
import { Select } from '../../../ui/Select.tsx';
import { Slider } from '../../../ui/Slider.tsx';
import { resolveDraft } from '../draft.ts';
import { groupSamplers, toOption } from '../samplers.ts';
import { editDraft, useComposer } from '../store.ts';
import { ModelField } from './ModelField.tsx';
import { SizeFields } from './SizeFields.tsx';

const withChosen = (names: readonly string[], chosen: string): readonly string[] =>
  names.includes(chosen) ? names : [chosen, ...names];

const NegativePromptField = () => {
  const id = useId();
  const text = useComposer(({ draft }) => draft.negativePrompt);
  return (
    <Field label="Negative prompt" htmlFor={id}>
      <textarea
        id={id}
        rows={2}
        placeholder="What to keep out"
        value={text}
        onChange={(event) => editDraft({ negativePrompt: event.target.value })}
        className={classes(inputClasses, 'field-sizing-content h-auto! max-h-40 min-h-14 resize-none py-1.5')}
      />
    </Field>
  );
};

/** Everything else that decides the pixels, filled with what the chosen model likes best. */
export const MoreFields = ({ options }: { options: GenerateOptions }) => {
  const id = useId();
  const draft = useComposer((composer) => composer.draft);
  const settings = resolveDraft(draft, options);
  const { limits, samplers, schedulers } = options;
  return (
    <div className="flex flex-col gap-4">
      {!settings.isGuided && <NegativePromptField />}
      <ModelField options={options} settings={settings} />
      <Slider
        id={`${id}-steps`}
        label="Steps"
        {...{ value: settings.steps, min: 1, max: limits.maxSteps, step: 1 }}
        onChange={(steps) => editDraft({ steps })}
      />
      <Slider
        id={`${id}-cfg`}
        label={settings.isGuided ? 'Guidance' : 'CFG'}
        {...{ value: settings.cfg, min: 0, max: limits.maxCfg, step: 0.1 }}
        onChange={(cfg) => editDraft({ cfg })}
      />
      <div className="grid grid-cols-2 gap-3">
        <Field label="Sampler" htmlFor={`${id}-sampler`}>
          <Select
            id={`${id}-sampler`}
            value={settings.sampler}
            groups={groupSamplers(withChosen(samplers, settings.sampler))}
            onChange={(event) => editDraft({ sampler: event.target.value })}
          />
        </Field>
        <Field label="Scheduler" htmlFor={`${id}-scheduler`}>
          <Select
            id={`${id}-scheduler`}
            value={settings.scheduler}
            options={withChosen(schedulers, settings.scheduler).map(toOption)}
            onChange={(event) => editDraft({ scheduler: event.target.value })}
          />
        </Field>
      </div>
      <SizeFields settings={settings} limits={limits} />
      <button
        type="button"
        onClick={() =>
          editDraft({ steps: null, cfg: null, sampler: null, scheduler: null, size: '1:1', negativePrompt: '' })
        }
        className="self-start rounded-sm text-ink-3 text-xs underline decoration-line-strong underline-offset-4 hover:text-ink touch:h-11"
      >
        Back to the model's defaults
      </button>
    </div>
  );
};

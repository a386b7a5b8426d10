'use client';
import type { GenerateOptions } from '@studio/contracts';
import { useId } from 'react';
import { Field } from '../../../ui/Field.tsx';
import { Select } from '../../../ui/Select.tsx';
import type { Settings } from '../draft.ts';
import { editDraft } from '../store.ts';

interface ModelFieldProps {
  options: GenerateOptions;
  settings: Settings;
}

const listModels = ({ models }: GenerateOptions, chosen: string | null) => {
  const checkpoints = models
    .filter(({ kind }) => kind === 'checkpoint')
    .map(({ name, title, problem }) => ({
      value: name,
      label: problem === null ? title : `${title} (cannot be used)`,
      isDisabled: problem !== null,
    }));
  const isKnown = chosen === null || checkpoints.some(({ value }) => value === chosen);
  return isKnown ? checkpoints : [{ value: chosen, label: `${chosen} (not here)` }, ...checkpoints];
};

export const ModelField = ({ options, settings: { model } }: ModelFieldProps) => {
  const id = useId();
  const choices = listModels(options, model);
  return (
    <Field label="Model" htmlFor={id}>
      <Select
        id={id}
        value={model ?? ''}
        disabled={choices.length === 0}
        options={choices.length === 0 ? [{ value: '', label: 'No engine yet' }] : choices}
        onChange={(event) => editDraft({ model: event.target.value })}
      />
    </Field>
  );
};

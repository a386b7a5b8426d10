'use client';
import type { GenerateOptions } from '@studio/contracts';
import { ArrowLeftRight } from 'lucide-react';
import { useId } from 'react';
import { Field } from '../../../ui/Field.tsx';
import { IconButton } from '../../../ui/IconButton.tsx';
import { NumberInput } from '../../../ui/NumberInput.tsx';
import type { Settings } from '../draft.ts';
import { editDraft } from '../store.ts';

interface SizeFieldsProps {
  settings: Settings;
  limits: GenerateOptions['limits'];
}

export const SizeFields = ({ settings: { width, height }, limits }: SizeFieldsProps) => {
  const id = useId();
  const bounds = { min: limits.minSide, max: limits.maxSide, step: limits.sideMultiple };
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_auto_minmax(0,1fr)] items-end gap-1">
      <Field label="Width" htmlFor={`${id}-width`}>
        <NumberInput
          id={`${id}-width`}
          value={width}
          {...bounds}
          onChange={(next) => editDraft({ size: { width: next, height } })}
        />
      </Field>
      <IconButton label="Swap width and height" onClick={() => editDraft({ size: { width: height, height: width } })}>
        <ArrowLeftRight aria-hidden className="size-3.5" />
      </IconButton>
      <Field label="Height" htmlFor={`${id}-height`}>
        <NumberInput
          id={`${id}-height`}
          value={height}
          {...bounds}
          onChange={(next) => editDraft({ size: { width, height: next } })}
        />
      </Field>
    </div>
  );
};

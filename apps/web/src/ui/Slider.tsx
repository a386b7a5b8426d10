'use client';
import type { CSSProperties } from 'react';
import { Field } from './Field.tsx';
import { NumberInput } from './NumberInput.tsx';

interface SliderProps {
  id: string;
  label: string;
  value: number;
  min: number;
  max: number;
  step: number;
  onChange: (value: number) => void;
}

interface FillStyle extends CSSProperties {
  '--fill': string;
}

/** A range for the hand and a number for the eye; both edit the same value. */
export const Slider = ({ id, label, value, min, max, step, onChange }: SliderProps) => {
  const fill: FillStyle = { '--fill': `${((value - min) / (max - min)) * 100}%` };
  return (
    <Field
      label={label}
      htmlFor={id}
      aside={
        <NumberInput
          aria-label={`${label}, exact`}
          className="h-6! w-14! px-1.5! text-right text-xs touch:h-11! touch:w-20!"
          {...{ value, min, max, step, onChange }}
        />
      }
    >
      <input
        id={id}
        type="range"
        className="range touch:h-11"
        style={fill}
        {...{ value, min, max, step }}
        onChange={(event) => onChange(event.target.valueAsNumber)}
      />
    </Field>
  );
};

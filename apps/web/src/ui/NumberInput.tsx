'use client';
import { type ComponentProps, useState } from 'react';
import { classes } from './classes.ts';
import { inputClasses } from './Field.tsx';

interface NumberInputProps extends Omit<ComponentProps<'input'>, 'value' | 'onChange' | 'type'> {
  value: number;
  min: number;
  max: number;
  step: number;
  onChange: (value: number) => void;
}

const fit = (value: number, min: number, max: number, step: number): number => {
  const stepped = Math.round((value - min) / step) * step + min;
  return Math.min(max, Math.max(min, Number(stepped.toFixed(4))));
};

/** While it is being typed the text may be anything; what leaves the field is a number in bounds. */
export const NumberInput = ({ value, min, max, step, onChange, className, ...rest }: NumberInputProps) => {
  const [text, setText] = useState<string | null>(null);
  const commit = () => {
    if (text === null) return;
    setText(null);
    const typed = Number(text.replace(',', '.'));
    if (text.trim() !== '' && Number.isFinite(typed)) onChange(fit(typed, min, max, step));
  };
  return (
    <input
      {...rest}
      type="text"
      inputMode={Number.isInteger(step) ? 'numeric' : 'decimal'}
      autoComplete="off"
      className={classes(inputClasses, 'font-mono tabular-nums', className)}
      value={text ?? String(value)}
      onChange={(event) => setText(event.target.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === 'Enter') commit();
        if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
          event.preventDefault();
          setText(null);
          onChange(fit(value + (event.key === 'ArrowUp' ? step : -step), min, max, step));
        }
      }}
    />
  );
};

'use client';
import { useId } from 'react';
import { classes } from '../../../ui/classes.ts';
import { type AspectName, aspects } from '../aspect.ts';
import { editDraft } from '../store.ts';

const glyphPx = 14;

const Glyph = ({ ratio }: { ratio: number }) => (
  <span
    aria-hidden
    className="rounded-[2px] border-[1.5px] border-current"
    style={{ width: ratio >= 1 ? glyphPx : glyphPx * ratio, height: ratio >= 1 ? glyphPx / ratio : glyphPx }}
  />
);

export const AspectChips = ({ value }: { value: AspectName | null }) => {
  const name = useId();
  return (
    <fieldset className="grid grid-cols-5 gap-1 rounded-lg bg-sunken p-1">
      <legend className="sr-only">Aspect</legend>
      {aspects.map((aspect) => (
        <label
          key={aspect.name}
          className={classes(
            'flex h-12 flex-col items-center justify-between rounded-md pt-2 pb-1 text-2xs transition-colors',
            'has-focus-visible:outline-2 has-focus-visible:outline-accent-ink',
            value === aspect.name ? 'bg-raised font-medium text-ink' : 'text-ink-3 hover:text-ink',
          )}
        >
          <input
            type="radio"
            name={name}
            className="sr-only"
            checked={value === aspect.name}
            onChange={() => editDraft({ size: aspect.name })}
          />
          <span className="grid h-3.5 place-items-center">
            <Glyph ratio={aspect.ratio} />
          </span>
          {aspect.name}
        </label>
      ))}
    </fieldset>
  );
};

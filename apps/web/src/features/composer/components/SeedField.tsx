'use client';
import { Dices, History } from 'lucide-react';
import { useId } from 'react';
import { classes } from '../../../ui/classes.ts';
import { Field, inputClasses } from '../../../ui/Field.tsx';
import { useLastSeed } from '../hooks/useLastSeed.ts';
import { parseSeed } from '../seed.ts';
import { editDraft, useComposer } from '../store.ts';

const buttonClasses =
  'tip grid h-8 w-8 shrink-0 place-items-center rounded-md border border-line-strong bg-raised text-ink-2 transition-colors hover:bg-hover hover:text-ink disabled:opacity-40 touch:size-11';

/** Empty means a new seed for every job; a number is held until it is cleared. */
export const SeedField = () => {
  const id = useId();
  const seed = useComposer(({ draft }) => draft.seed);
  const lastSeed = useLastSeed();
  return (
    <Field label="Seed" htmlFor={id}>
      <div className="flex gap-1.5">
        <input
          id={id}
          inputMode="numeric"
          autoComplete="off"
          placeholder="Random"
          value={seed ?? ''}
          onChange={(event) => editDraft({ seed: parseSeed(event.target.value) })}
          className={classes(inputClasses, 'font-mono tabular-nums placeholder:font-sans')}
        />
        <button
          type="button"
          aria-label="Random seed"
          data-tip="Random seed"
          aria-pressed={seed === null}
          disabled={seed === null}
          onClick={() => editDraft({ seed: null })}
          className={buttonClasses}
        >
          <Dices aria-hidden className="size-4" />
        </button>
        <button
          type="button"
          aria-label="Reuse last seed"
          data-tip="Reuse last seed"
          disabled={lastSeed === null || lastSeed === seed}
          onClick={() => editDraft({ seed: lastSeed })}
          className={buttonClasses}
        >
          <History aria-hidden className="size-4" />
        </button>
      </div>
    </Field>
  );
};

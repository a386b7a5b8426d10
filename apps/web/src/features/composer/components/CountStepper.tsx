'use client';
import { Minus, Plus } from 'lucide-react';
import { editDraft, useComposer } from '../store.ts';

const stepClasses =
  'grid h-full w-8 place-items-center text-ink-2 transition-colors hover:text-ink disabled:opacity-35 focus-visible:outline-offset-[-2px] rounded-md touch:w-11';

export const CountStepper = ({ max }: { max: number }) => {
  const count = useComposer(({ draft }) => draft.count);
  const set = (next: number) => editDraft({ count: Math.min(max, Math.max(1, next)) });
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers lay out a fieldset's legend outside its flex box
    <div
      role="group"
      aria-label="Pictures"
      className="flex h-8 items-center rounded-md border border-line-strong bg-raised touch:h-11.5"
    >
      <button
        type="button"
        aria-label="Fewer pictures"
        className={stepClasses}
        disabled={count <= 1}
        onClick={() => set(count - 1)}
      >
        <Minus aria-hidden className="size-3.5" />
      </button>
      <output aria-live="polite" className="flex-1 text-center font-mono text-sm tabular-nums">
        {count}
      </output>
      <button
        type="button"
        aria-label="More pictures"
        className={stepClasses}
        disabled={count >= max}
        onClick={() => set(count + 1)}
      >
        <Plus aria-hidden className="size-3.5" />
      </button>
    </div>
  );
};

'use client';
import type { GenerateOptions } from '@studio/contracts';
import { resolveDraft } from '../draft.ts';
import { useComposer } from '../store.ts';
import { AspectChips } from './AspectChips.tsx';
import { CountStepper } from './CountStepper.tsx';
import { SeedField } from './SeedField.tsx';

export const BasicFields = ({ options }: { options: GenerateOptions }) => {
  const draft = useComposer((composer) => composer.draft);
  const { aspect, width, height } = resolveDraft(draft, options);
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-col gap-1">
        <p className="flex items-baseline justify-between text-ink-2 text-xs">
          Aspect
          <span className="font-mono text-2xs text-ink-3 tabular-nums">
            {width} × {height}
          </span>
        </p>
        <AspectChips value={aspect} />
      </div>
      <div className="grid grid-cols-[7rem_minmax(0,1fr)] gap-3 touch:grid-cols-[8.5rem_minmax(0,1fr)]">
        <div className="flex flex-col gap-1">
          <p className="text-ink-2 text-xs">Pictures</p>
          <CountStepper max={options.limits.maxCount} />
        </div>
        <SeedField />
      </div>
    </div>
  );
};

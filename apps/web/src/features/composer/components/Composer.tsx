'use client';
import { ArrowUp, ChevronDown, CornerDownLeft, SlidersHorizontal } from 'lucide-react';
import { useRef, useState } from 'react';
import { Button } from '../../../ui/Button.tsx';
import { classes } from '../../../ui/classes.ts';
import { Dialog } from '../../../ui/Dialog.tsx';
import { Notice } from '../../../ui/Notice.tsx';
import { useGenerateOptions } from '../../studio/queries.ts';
import { resolveDraft } from '../draft.ts';
import { useComposerHeight } from '../hooks/useComposerHeight.ts';
import { useSubmit } from '../hooks/useSubmit.ts';
import { setMoreOpen, useComposer } from '../store.ts';
import { BasicFields } from './BasicFields.tsx';
import { MoreFields } from './MoreFields.tsx';
import { PromptField } from './PromptField.tsx';

const PanelSettings = () => {
  const { data: options } = useGenerateOptions();
  const isMoreOpen = useComposer((composer) => composer.isMoreOpen);
  if (!options) return <div aria-hidden className="sheen h-36 rounded-lg bg-raised" />;
  return (
    <>
      <BasicFields options={options} />
      <button
        type="button"
        aria-expanded={isMoreOpen}
        onClick={() => setMoreOpen(!isMoreOpen)}
        className="-mx-1 flex h-8 items-center justify-between rounded-md px-1 font-medium text-ink-2 text-sm transition-colors hover:text-ink"
      >
        More
        <ChevronDown aria-hidden className={classes('size-4 transition-transform', isMoreOpen && 'rotate-180')} />
      </button>
      {isMoreOpen && <MoreFields options={options} />}
    </>
  );
};

const SettingsSheet = ({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) => {
  const { data: options } = useGenerateOptions();
  return (
    <Dialog title="Settings" isSheet isOpen={isOpen} onClose={onClose}>
      {options && (
        <div className="flex flex-col gap-5 pb-[env(safe-area-inset-bottom)]">
          <BasicFields options={options} />
          <MoreFields options={options} />
        </div>
      )}
    </Dialog>
  );
};

const SettingsSummary = ({ onOpen }: { onOpen: () => void }) => {
  const { data: options } = useGenerateOptions();
  const draft = useComposer((composer) => composer.draft);
  const { aspect, width, height } = resolveDraft(draft, options);
  return (
    <Button look="quiet" onClick={onOpen} className="min-w-0 flex-1 justify-start! px-2">
      <SlidersHorizontal aria-hidden className="size-4 shrink-0" />
      <span className="sr-only">Settings: </span>
      <span className="truncate font-mono text-xs tabular-nums">
        {aspect ?? `${width}×${height}`} · ×{draft.count} · {draft.seed === null ? 'random' : `#${draft.seed}`}
      </span>
    </Button>
  );
};

/** A panel beside the pictures; on a phone it stays at the bottom, under the thumbs. */
export const Composer = ({ isReady }: { isReady: boolean }) => {
  const submit = useSubmit();
  const refusal = useComposer((composer) => composer.refusal);
  const [isSheetOpen, setIsSheetOpen] = useState(false);
  const frame = useRef<HTMLFormElement>(null);
  useComposerHeight(frame);

  return (
    <form
      ref={frame}
      aria-label="New picture"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
      className="z-20 flex flex-col border-line bg-panel max-lg:fixed max-lg:inset-x-0 max-lg:bottom-0 max-lg:gap-2 max-lg:border-t max-lg:p-3 max-lg:pb-[calc(0.75rem+env(safe-area-inset-bottom))] lg:sticky lg:top-header lg:h-[calc(100dvh-var(--spacing-header))] lg:border-r"
    >
      <div className="flex min-h-0 flex-col gap-4 lg:flex-1 lg:overflow-y-auto lg:p-4">
        <PromptField onSubmit={submit} />
        <div className="flex flex-col gap-4 max-lg:hidden">
          <PanelSettings />
        </div>
      </div>
      <div className="flex flex-col gap-3 lg:border-line lg:border-t lg:p-4">
        {refusal !== null && <Notice tone="danger">{refusal}</Notice>}
        <Button type="submit" look="primary" size="lg" disabled={!isReady} className="w-full max-lg:hidden">
          Generate
          <CornerDownLeft aria-hidden className="size-4 opacity-70" />
        </Button>
        <div className="flex items-center gap-2 lg:hidden">
          <SettingsSummary onOpen={() => setIsSheetOpen(true)} />
          <Button type="submit" look="primary" size="lg" disabled={!isReady}>
            Generate
            <ArrowUp aria-hidden className="size-4" />
          </Button>
        </div>
      </div>
      <SettingsSheet isOpen={isSheetOpen} onClose={() => setIsSheetOpen(false)} />
    </form>
  );
};

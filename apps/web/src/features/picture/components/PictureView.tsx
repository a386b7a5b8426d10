'use client';
import type { Asset } from '@studio/contracts';
import { ArrowLeft, ChevronLeft, ChevronRight } from 'lucide-react';
import { useEffect, useMemo, useRef } from 'react';
import { Button } from '../../../ui/Button.tsx';
import { IconButton } from '../../../ui/IconButton.tsx';
import { Kbd } from '../../../ui/Kbd.tsx';
import { Spinner } from '../../../ui/Spinner.tsx';
import { fromParams } from '../../composer/draft.ts';
import { setDraft } from '../../composer/store.ts';
import { deletePicture } from '../delete-picture.ts';
import { usePictureKeys } from '../hooks/usePictureKeys.ts';
import { useScrollLock } from '../hooks/useScrollLock.ts';
import { useNeighbours, usePicture } from '../queries.ts';
import { closePicture, replacePicture } from '../route.ts';
import { PicturePanel } from './PicturePanel.tsx';
import { PictureStage } from './PictureStage.tsx';

const close = () => closePicture();

const go = (asset: Asset | undefined) => {
  if (asset) replacePicture(asset.id);
};

const usePictureActions = (asset: Asset | undefined, next: Asset | undefined) =>
  useMemo(() => {
    const remix = () => {
      if (!asset?.params) return;
      setDraft(fromParams(asset.params));
      closePicture('prompt');
    };
    const remove = () => {
      if (!asset) return;
      if (next) replacePicture(next.id);
      else closePicture();
      void deletePicture(asset);
    };
    return { remix, remove };
  }, [asset, next]);

const PictureProblem = ({ message, onRetry }: { message: string; onRetry: () => void }) => (
  <div role="alert" className="grid flex-1 place-content-center justify-items-center gap-4 p-6 text-center">
    <p className="max-w-sm text-balance text-base text-ink-2">{message}</p>
    <div className="flex gap-2">
      <Button onClick={onRetry}>Try again</Button>
      <Button look="primary" onClick={close}>
        Back to the studio
      </Button>
    </div>
  </div>
);

/** Covers the studio, which keeps its place underneath. */
export const PictureView = ({ assetId }: { assetId: string }) => {
  const { asset, error, retry } = usePicture(assetId);
  const { newer, older } = useNeighbours(assetId);
  const { remix, remove } = usePictureActions(asset, older ?? newer);
  const frame = useRef<HTMLDivElement>(null);

  useEffect(() => frame.current?.focus(), []);
  useScrollLock();
  usePictureKeys(
    useMemo(
      () =>
        new Map<string, () => void>([
          ['Escape', close],
          ['ArrowLeft', () => go(newer)],
          ['ArrowRight', () => go(older)],
          ['Delete', remove],
          ['r', remix],
        ]),
      [newer, older, remove, remix],
    ),
  );

  return (
    <div
      ref={frame}
      role="dialog"
      aria-modal="true"
      aria-label="Picture"
      tabIndex={-1}
      data-picture-view
      className="fixed inset-0 z-30 flex animate-appear flex-col overflow-y-auto bg-canvas outline-none lg:overflow-hidden"
    >
      <header className="sticky top-0 z-10 flex h-header shrink-0 items-center gap-1 border-line border-b bg-panel px-2">
        <Button look="quiet" size="sm" onClick={close}>
          <ArrowLeft aria-hidden className="size-4" />
          Studio
        </Button>
        <span className="flex-1" />
        <p aria-hidden className="flex items-center gap-1.5 pr-2 text-ink-3 text-xs max-lg:hidden">
          <Kbd>←</Kbd>
          <Kbd>→</Kbd>
          <span className="mr-3">browse</span>
          <Kbd>R</Kbd>
          <span className="mr-3">remix</span>
          <Kbd>Esc</Kbd>
          <span>close</span>
        </p>
        <IconButton label="Newer picture" disabled={!newer} onClick={() => go(newer)} className="lg:hidden">
          <ChevronLeft aria-hidden className="size-5" />
        </IconButton>
        <IconButton label="Older picture" disabled={!older} onClick={() => go(older)} className="lg:hidden">
          <ChevronRight aria-hidden className="size-5" />
        </IconButton>
      </header>
      {asset && (
        <div className="flex min-h-0 flex-1 flex-col lg:flex-row">
          <PictureStage asset={asset} newer={newer} older={older} onGo={go} />
          <aside
            aria-label="About this picture"
            className="border-line bg-panel max-lg:border-t lg:w-panel lg:shrink-0 lg:overflow-y-auto lg:border-l"
          >
            <PicturePanel asset={asset} onRemix={remix} onDelete={remove} />
          </aside>
        </div>
      )}
      {!asset && error && <PictureProblem message={error.message} onRetry={() => void retry()} />}
      {!asset && !error && (
        <div role="status" aria-label="Loading picture" className="grid flex-1 place-items-center text-ink-3">
          <Spinner className="size-5" />
        </div>
      )}
    </div>
  );
};

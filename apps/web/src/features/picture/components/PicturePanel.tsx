'use client';
import type { Asset } from '@studio/contracts';
import { Download, Shuffle, Trash2 } from 'lucide-react';
import { Button, buttonClasses } from '../../../ui/Button.tsx';
import { CopyButton } from './CopyButton.tsx';
import { PictureFacts } from './PictureFacts.tsx';

interface PicturePanelProps {
  asset: Asset;
  onRemix: () => void;
  onDelete: () => void;
}

const headingClasses = 'mb-1 text-ink-3 text-xs';

export const PicturePanel = ({ asset, onRemix, onDelete }: PicturePanelProps) => {
  const { params } = asset;
  return (
    <div className="flex flex-col gap-5 p-4">
      {params ? (
        <section>
          <h2 className={headingClasses}>Prompt</h2>
          <p className="whitespace-pre-wrap break-words text-base">{params.prompt}</p>
          {params.negativePrompt !== '' && (
            <>
              <h2 className={`${headingClasses} mt-3`}>Negative prompt</h2>
              <p className="whitespace-pre-wrap break-words text-ink-2 text-sm">{params.negativePrompt}</p>
            </>
          )}
        </section>
      ) : (
        <p className="text-ink-2">Drawn by a workflow.</p>
      )}
      <div className="flex flex-col gap-2">
        {params && (
          <Button look="primary" onClick={onRemix} aria-keyshortcuts="r">
            <Shuffle aria-hidden className="size-4" />
            Remix
          </Button>
        )}
        {params && (
          <div className="flex gap-2">
            <CopyButton label="Copy prompt" text={params.prompt} />
            <CopyButton label="Copy as JSON" text={JSON.stringify(params, null, 2)} />
          </div>
        )}
        <div className="flex gap-2">
          <a href={asset.downloadUrl} download className={`${buttonClasses('outline', 'sm')} flex-1`}>
            <Download aria-hidden className="size-3.5" />
            Download
          </a>
          <Button size="sm" look="danger" onClick={onDelete} className="flex-1" aria-keyshortcuts="Delete">
            <Trash2 aria-hidden className="size-3.5" />
            Delete
          </Button>
        </div>
      </div>
      <section className="border-line border-t pt-4">
        <h2 className="sr-only">Parameters</h2>
        <PictureFacts asset={asset} />
      </section>
    </div>
  );
};

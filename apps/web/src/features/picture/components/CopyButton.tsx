'use client';
import { Check, Copy } from 'lucide-react';
import { useState } from 'react';
import { toast } from 'sonner';
import { Button } from '../../../ui/Button.tsx';
import { copyText } from '../copy-text.ts';

const shownMs = 1_600;

export const CopyButton = ({ label, text }: { label: string; text: string }) => {
  const [isCopied, setIsCopied] = useState(false);
  const copy = async () => {
    if (!(await copyText(text))) return toast.error('The browser did not allow copying; select the text instead.');
    setIsCopied(true);
    setTimeout(() => setIsCopied(false), shownMs);
  };
  return (
    <Button size="sm" onClick={copy} className="flex-1">
      {isCopied ? <Check aria-hidden className="size-3.5 text-good" /> : <Copy aria-hidden className="size-3.5" />}
      <span aria-live="polite">{isCopied ? 'Copied' : label}</span>
    </Button>
  );
};

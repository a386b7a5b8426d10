'use client';
import { X } from 'lucide-react';
import { type ReactNode, useEffect, useRef } from 'react';
import { classes } from './classes.ts';
import { IconButton } from './IconButton.tsx';

interface DialogProps {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  /** On a phone it rises from the bottom edge. */
  isSheet?: boolean;
  children: ReactNode;
}

/** The platform's modal dialog: it traps focus, closes on Escape and gives focus back. */
export const Dialog = ({ title, isOpen, onClose, isSheet, children }: DialogProps) => {
  const ref = useRef<HTMLDialogElement>(null);

  useEffect(() => {
    if (isOpen) ref.current?.showModal();
    else ref.current?.close();
  }, [isOpen]);

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape, which the platform handles, is the keyboard's way out
    <dialog
      ref={ref}
      aria-label={title}
      onClose={onClose}
      onClick={(event) => event.target === ref.current && onClose()}
      className={classes(
        'border border-line bg-panel shadow-float open:animate-rise',
        isSheet
          ? 'mb-0 max-h-[85dvh] w-full max-w-none rounded-t-xl'
          : 'max-h-[85dvh] w-[min(30rem,calc(100vw-2rem))] rounded-xl',
      )}
    >
      {isOpen && (
        <div className="flex max-h-[85dvh] flex-col">
          <div className="flex items-center justify-between border-line border-b py-1.5 pr-2 pl-4">
            <h2 className="font-semibold text-sm">{title}</h2>
            <IconButton label="Close" onClick={onClose} className="[&::after]:hidden">
              <X aria-hidden className="size-4" />
            </IconButton>
          </div>
          <div className="overflow-y-auto overscroll-contain p-4">{children}</div>
        </div>
      )}
    </dialog>
  );
};

'use client';
import { WifiOff } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useConnection } from '../store.ts';

/** A line that comes back at once is not worth a word. */
const graceMs = 400;

export const ConnectionBanner = () => {
  const isDown = useConnection((connection) => connection.isDown);
  const [isShown, setIsShown] = useState(false);

  useEffect(() => {
    if (!isDown) return setIsShown(false);
    const timer = setTimeout(() => setIsShown(true), graceMs);
    return () => clearTimeout(timer);
  }, [isDown]);

  return (
    <div role="status" className="contents">
      {isShown && (
        <p className="fixed inset-x-0 top-header z-40 mx-auto mt-2 flex w-fit max-w-[calc(100vw-1.5rem)] animate-rise items-center gap-2 rounded-lg border border-line-strong bg-raised px-3.5 py-2 text-sm shadow-float">
          <WifiOff aria-hidden className="size-4 shrink-0 text-accent-ink" />
          Connection lost. Trying again; nothing is lost.
        </p>
      )}
    </div>
  );
};

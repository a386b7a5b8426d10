'use client';
import { Button, buttonClasses } from '../../../ui/Button.tsx';
import { LogoMark } from '../../../ui/Logo.tsx';

interface MessagePageProps {
  title: string;
  text: string;
  onRetry?: () => void;
}

export const MessagePage = ({ title, text, onRetry }: MessagePageProps) => (
  <main className="grid min-h-dvh place-content-center justify-items-center gap-2 p-6 text-center">
    <LogoMark className="mb-4 size-9" />
    <h1 className="text-balance font-semibold text-xl tracking-tight">{title}</h1>
    <p className="max-w-sm text-balance text-base text-ink-2">{text}</p>
    <div className="mt-5 flex gap-2">
      {onRetry && (
        <Button look="primary" onClick={onRetry}>
          Try again
        </Button>
      )}
      {/* A full load on purpose: the state of this page is what failed. */}
      <a href="/" className={buttonClasses()}>
        To the studio
      </a>
    </div>
  </main>
);

'use client';
import type { Studio } from '@studio/contracts';
import { QueryClientProvider } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Toaster } from 'sonner';
import { StudioContext } from '../hooks/useStudio.ts';
import { queryClient } from '../query-client.ts';

interface AppProvidersProps {
  studio: Studio;
  children: ReactNode;
}

const toastLook = {
  toast:
    'flex w-full items-center gap-3 rounded-lg border border-line-strong bg-raised py-2.5 pr-2.5 pl-4 text-sm text-ink shadow-float sm:w-88',
  title: 'font-medium',
  description: 'text-ink-2 text-xs',
  content: 'min-w-0 flex-1',
  actionButton:
    'h-8 shrink-0 rounded-md bg-accent px-3 text-xs font-semibold text-on-accent hover:bg-accent-hover touch:h-11',
  icon: 'text-danger',
} as const;

export const AppProviders = ({ studio, children }: AppProvidersProps) => (
  <StudioContext value={studio}>
    <QueryClientProvider client={queryClient}>
      {children}
      <Toaster
        position="bottom-center"
        mobileOffset={{ bottom: 'var(--toast-bottom)' }}
        style={{ fontFamily: 'inherit' }}
        toastOptions={{ unstyled: true, classNames: toastLook }}
      />
    </QueryClientProvider>
  </StudioContext>
);

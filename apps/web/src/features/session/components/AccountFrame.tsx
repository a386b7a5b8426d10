import type { ReactNode } from 'react';
import { ProductMark } from '../../studio/components/ProductMark.tsx';

interface AccountFrameProps {
  title: string;
  lead: string;
  children: ReactNode;
}

export const AccountFrame = ({ title, lead, children }: AccountFrameProps) => (
  <main className="grid min-h-dvh place-items-center px-5 py-10">
    <div className="w-full max-w-sm animate-rise">
      <ProductMark />
      <h1 className="mt-8 text-balance font-semibold text-xl tracking-tight">{title}</h1>
      <p className="mt-1.5 mb-7 text-base text-ink-2 text-pretty">{lead}</p>
      {children}
    </div>
  </main>
);

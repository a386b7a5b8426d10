import { redirect } from 'next/navigation';
import type { ReactNode } from 'react';
import { StudioPage } from '../../features/studio/components/StudioPage.tsx';
import { loadStudio } from '../../features/studio/load-studio.ts';

/** The studio stays in place while its addresses change; the pages below only name them. */
export default async function StudioLayout({ children }: { children: ReactNode }) {
  if (!(await loadStudio()).hasOwner) redirect('/setup');
  return (
    <>
      <StudioPage />
      {children}
    </>
  );
}

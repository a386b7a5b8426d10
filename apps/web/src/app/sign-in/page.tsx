import { redirect } from 'next/navigation';
import { SignInPage } from '../../features/session/components/SignInPage.tsx';
import { loadStudio } from '../../features/studio/load-studio.ts';

export default async function Page() {
  if (!(await loadStudio()).hasOwner) redirect('/setup');
  return <SignInPage />;
}

import { redirect } from 'next/navigation';
import { SetupPage } from '../../features/session/components/SetupPage.tsx';
import { loadStudio } from '../../features/studio/load-studio.ts';

export default async function Page() {
  if ((await loadStudio()).hasOwner) redirect('/');
  return <SetupPage />;
}

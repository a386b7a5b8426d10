'use client';
import { useRouter } from 'next/navigation';
import { useEffect } from 'react';
import { renewSession } from '../client.ts';
import { signInPath } from '../next-path.ts';
import { useSession } from '../store.ts';

const retryMs = 2_000;

/** Tries the refresh cookie once the page is there; without a session it leads to the sign-in page. */
export const useRequiredSession = () => {
  const session = useSession();
  const router = useRouter();

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const renew = () => {
      renewSession().catch(() => {
        timer = setTimeout(renew, retryMs);
      });
    };
    if (useSession.getState().status === 'unknown') renew();
    return () => clearTimeout(timer);
  }, []);

  useEffect(() => {
    if (session.status === 'out') router.replace(signInPath(window.location.pathname));
  }, [session.status, router]);

  return session;
};

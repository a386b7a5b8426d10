'use client';
import { usePathname } from 'next/navigation';
import { useEffect, useRef } from 'react';
import { Composer } from '../../composer/components/Composer.tsx';
import { focusPrompt } from '../../composer/focus-prompt.ts';
import { useComposer } from '../../composer/store.ts';
import { Gallery } from '../../gallery/components/Gallery.tsx';
import { LiveStrip } from '../../jobs/components/LiveStrip.tsx';
import { forgetJobs } from '../../jobs/store.ts';
import { ConnectionBanner } from '../../live/components/ConnectionBanner.tsx';
import { useLiveEvents } from '../../live/useLiveEvents.ts';
import { PictureView } from '../../picture/components/PictureView.tsx';
import { readPictureId, useVisit } from '../../picture/route.ts';
import { useRequiredSession } from '../../session/hooks/useRequiredSession.ts';
import { useStudioKeys } from '../hooks/useStudioKeys.ts';
import { queryClient } from '../query-client.ts';
import { EngineNotice } from './EngineNotice.tsx';
import { ShortcutSheet } from './ShortcutSheet.tsx';
import { TopBar } from './TopBar.tsx';

/** What one person saw must not be there for the next who signs in on this page. */
const useForgetOnSignOut = (isSignedIn: boolean) => {
  useEffect(() => {
    if (!isSignedIn) return;
    return () => {
      forgetJobs();
      queryClient.clear();
    };
  }, [isSignedIn]);
};

/** Closing a picture leads back to its tile, or to the prompt after a remix. */
const useReturnFocus = (pictureId: string | null) => {
  const last = useRef<string | null>(null);
  useEffect(() => {
    if (pictureId === null && last.current !== null) {
      if (useVisit.getState().returnTo === 'prompt') focusPrompt();
      else document.querySelector<HTMLElement>(`[data-asset="${CSS.escape(last.current)}"]`)?.focus();
    }
    last.current = pictureId;
  }, [pictureId]);
};

export const StudioPage = () => {
  const session = useRequiredSession();
  const isSignedIn = session.status === 'in';
  const pictureId = readPictureId(usePathname());

  useEffect(() => void useComposer.persist.rehydrate(), []);
  useLiveEvents(isSignedIn);
  useForgetOnSignOut(isSignedIn);
  useStudioKeys(pictureId !== null);
  useReturnFocus(pictureId);

  return (
    <>
      <div inert={pictureId !== null}>
        <TopBar user={session.status === 'in' ? session.user : null} />
        <div className="lg:grid lg:grid-cols-[var(--spacing-panel)_minmax(0,1fr)]">
          <Composer isReady={isSignedIn} />
          <main className="flex min-w-0 flex-col gap-8 p-3 pb-[calc(var(--composer-height,9rem)+1.5rem)] lg:p-6">
            <h1 className="sr-only">Studio</h1>
            {isSignedIn && (
              <div className="contents">
                <EngineNotice />
                <LiveStrip />
              </div>
            )}
            <Gallery />
          </main>
        </div>
      </div>
      {pictureId !== null && <PictureView key="picture" assetId={pictureId} />}
      <ConnectionBanner />
      <ShortcutSheet />
    </>
  );
};

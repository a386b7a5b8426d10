'use client';
import { openEvents } from '@studio/client';
import { useEffect } from 'react';
import { showPreview } from '../jobs/previews.ts';
import { getAccessToken, renewSession } from '../session/client.ts';
import { applyEvent } from './apply-event.ts';
import { catchUp } from './catch-up.ts';
import { noteStatus } from './store.ts';

const socketUrl = (): string => `${window.location.protocol === 'https:' ? 'wss' : 'ws'}://${window.location.host}/ws`;

/** One socket for the page, from the sign-in to the sign-out. */
export const useLiveEvents = (isSignedIn: boolean) => {
  useEffect(() => {
    if (!isSignedIn) return;
    let isFirst = true;
    const stream = openEvents({
      url: socketUrl(),
      getAccessToken,
      onUnauthorized: renewSession,
      onEvent: applyEvent,
      onPreview: ({ jobId }, image) => void showPreview(jobId, image),
      onStatus: noteStatus,
      onReady: ({ isComplete }) => {
        if (isFirst || !isComplete) catchUp();
        isFirst = false;
      },
    });
    const retry = () => stream.retryNow();
    const retryWhenSeen = () => document.visibilityState === 'visible' && stream.retryNow();
    window.addEventListener('online', retry);
    document.addEventListener('visibilitychange', retryWhenSeen);
    return () => {
      window.removeEventListener('online', retry);
      document.removeEventListener('visibilitychange', retryWhenSeen);
      stream.close();
    };
  }, [isSignedIn]);
};

'use client';
import { type RefObject, useEffect } from 'react';

/** Calls back each time the element comes within a screen and a half of the view. */
export const useReached = (ref: RefObject<HTMLElement | null>, onReached: () => void) => {
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && onReached(),
      {
        rootMargin: '150% 0px',
      },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref, onReached]);
};

'use client';
import { type RefObject, useLayoutEffect } from 'react';

/** Tells the page how much of its end the composer covers on a phone. */
export const useComposerHeight = (ref: RefObject<HTMLElement | null>) => {
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const root = document.documentElement;
    const observer = new ResizeObserver(() => {
      root.style.setProperty('--composer-height', `${element.offsetHeight}px`);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      root.style.removeProperty('--composer-height');
    };
  }, [ref]);
};

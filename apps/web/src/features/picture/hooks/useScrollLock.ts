'use client';
import { useLayoutEffect } from 'react';

/** The page underneath keeps its place, and its width where a scroll bar goes. */
export const useScrollLock = () => {
  useLayoutEffect(() => {
    const root = document.documentElement;
    const barPx = window.innerWidth - root.clientWidth;
    root.style.overflow = 'hidden';
    root.style.paddingRight = `${barPx}px`;
    return () => {
      root.style.overflow = '';
      root.style.paddingRight = '';
    };
  }, []);
};

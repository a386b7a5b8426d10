'use client';
import { useEffect } from 'react';
import { focusPrompt } from '../../composer/focus-prompt.ts';
import { showShortcuts } from '../components/ShortcutSheet.tsx';

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;

export const useStudioKeys = (isPictureOpen: boolean) => {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
      if (event.key === '?') showShortcuts();
      else if (event.key === '/' && !isPictureOpen) focusPrompt();
      else return;
      event.preventDefault();
    };
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, [isPictureOpen]);
};

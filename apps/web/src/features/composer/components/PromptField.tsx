'use client';
import { type KeyboardEvent, useEffect } from 'react';
import { focusPrompt, promptFieldId } from '../focus-prompt.ts';
import { editDraft, useComposer } from '../store.ts';

/** Not while an input method is composing: there Enter picks a character. */
const isSubmitKey = (event: KeyboardEvent): boolean =>
  event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing;

export const PromptField = ({ onSubmit }: { onSubmit: () => void }) => {
  const prompt = useComposer(({ draft }) => draft.prompt);

  useEffect(() => {
    if (window.matchMedia('(pointer: fine)').matches) focusPrompt();
  }, []);

  return (
    <textarea
      id={promptFieldId}
      aria-label="Prompt"
      placeholder="Describe a picture…"
      enterKeyHint="go"
      rows={1}
      value={prompt}
      onChange={(event) => editDraft({ prompt: event.target.value })}
      onKeyDown={(event) => {
        if (!isSubmitKey(event)) return;
        event.preventDefault();
        onSubmit();
      }}
      className="field-sizing-content max-h-36 min-h-11 w-full resize-none rounded-lg border border-line-strong bg-raised px-3 py-2.5 text-[1rem] leading-6 transition-colors hover:border-control focus-visible:border-accent-ink focus-visible:outline-1 focus-visible:outline-offset-0 lg:max-h-[38dvh] lg:min-h-28 lg:text-base"
    />
  );
};

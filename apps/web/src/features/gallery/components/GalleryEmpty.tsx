'use client';
import { focusPrompt } from '../../composer/focus-prompt.ts';
import { editDraft } from '../../composer/store.ts';

const ideas = ['a red apple, 3d style', 'a small wooden house', 'a yellow rocket, flat design', 'a slice of pizza'];

export const GalleryEmpty = () => {
  const take = (prompt: string) => {
    editDraft({ prompt });
    focusPrompt();
  };
  return (
    <section className="mx-auto flex min-h-[52dvh] max-w-md animate-appear flex-col items-center justify-center gap-2 py-10 text-center">
      <h2 className="text-balance font-semibold text-xl tracking-tight">Nothing drawn yet</h2>
      <p className="text-balance text-base text-ink-2">
        Describe a picture and press Enter. It forms here, step by step, on your own machine.
      </p>
      <ul aria-label="Ideas to start from" className="mt-5 flex flex-wrap justify-center gap-2">
        {ideas.map((idea) => (
          <li key={idea}>
            <button
              type="button"
              onClick={() => take(idea)}
              className="h-8 rounded-full border border-line-strong px-3.5 text-ink-2 text-sm transition-colors hover:border-control hover:bg-hover hover:text-ink touch:h-11"
            >
              {idea}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
};

import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import { type Draft, emptyDraft } from './draft.ts';

interface Composer {
  readonly draft: Draft;
  /** Why the server refused the last wish, in its own words. */
  readonly refusal: string | null;
  readonly isMoreOpen: boolean;
}

/** The draft survives a reload; a refusal does not. */
export const useComposer = create<Composer>()(
  persist((): Composer => ({ draft: emptyDraft, refusal: null, isMoreOpen: false }), {
    name: 'studio.composer',
    version: 1,
    skipHydration: true,
    partialize: ({ draft, isMoreOpen }) => ({ draft, isMoreOpen }),
  }),
);

export const editDraft = (change: Partial<Draft>) =>
  useComposer.setState(({ draft }) => ({ draft: { ...draft, ...change } }));

export const setDraft = (draft: Draft) => useComposer.setState({ draft, refusal: null });

export const setRefusal = (refusal: string | null) => useComposer.setState({ refusal });

export const setMoreOpen = (isMoreOpen: boolean) => useComposer.setState({ isMoreOpen });

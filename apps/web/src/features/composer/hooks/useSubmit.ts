'use client';
import { useCallback } from 'react';
import { submitJob } from '../../jobs/submit.ts';
import { useGenerateOptions } from '../../studio/queries.ts';
import { resolveDraft, toRequest } from '../draft.ts';
import { setRefusal, useComposer } from '../store.ts';

/** The words stay in the box: the next wish is mostly a change of the last one. */
export const useSubmit = () => {
  const { data: options } = useGenerateOptions();
  return useCallback(() => {
    const { draft } = useComposer.getState();
    if (draft.prompt.trim() === '') return setRefusal('Describe the picture in a few words.');
    const { width, height } = resolveDraft(draft, options);
    void submitJob(toRequest(draft, options), { width, height });
    window.scrollTo({ top: 0, behavior: 'smooth' });
  }, [options]);
};

'use client';
import { Notice } from '../../../ui/Notice.tsx';
import { Spinner } from '../../../ui/Spinner.tsx';
import { usableModels } from '../../composer/draft.ts';
import { useGenerateOptions } from '../queries.ts';

/** Calm, because nothing is wrong: what is asked for now waits in line. */
export const EngineNotice = () => {
  const { data } = useGenerateOptions();
  if (!data) return null;
  if (!data.isEngineConnected) {
    return (
      <Notice icon={<Spinner className="shrink-0 text-accent-ink" />}>
        The engine is starting and loads its models. You can already ask for pictures; they wait in line.
      </Notice>
    );
  }
  if (usableModels(data).length > 0) return null;
  return (
    <Notice tone="danger">
      {data.models.find((model) => model.problem !== null)?.problem ??
        'The engine has no model to draw with; put a checkpoint into its models folder and restart it.'}
    </Notice>
  );
};

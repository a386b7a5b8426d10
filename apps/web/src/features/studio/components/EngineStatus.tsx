'use client';
import { classes } from '../../../ui/classes.ts';
import { useGenerateOptions } from '../queries.ts';

export const EngineStatus = () => {
  const { data } = useGenerateOptions();
  if (!data) return null;
  return (
    <p className="flex items-center gap-2 text-ink-3 text-xs">
      <span
        aria-hidden
        className={classes('size-1.5 rounded-full', data.isEngineConnected ? 'bg-good' : 'animate-pulse bg-accent')}
      />
      {data.isEngineConnected ? 'Engine ready' : 'Engine starting'}
    </p>
  );
};

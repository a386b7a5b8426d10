'use client';
import type { Studio } from '@studio/contracts';
import { createContext, useContext } from 'react';

export const StudioContext = createContext<Studio | null>(null);

export const useStudio = (): Studio => {
  const studio = useContext(StudioContext);
  if (studio === null) throw new Error('useStudio needs AppProviders above it.');
  return studio;
};

import type { User } from '@studio/contracts';
import { create } from 'zustand';

type Session =
  /** The refresh cookie has not been tried yet. */
  { readonly status: 'unknown' } | { readonly status: 'out' } | { readonly status: 'in'; readonly user: User };

export const useSession = create<Session>(() => ({ status: 'unknown' }));

import type { TeamId } from '@studio/contracts';
import { newId } from '../src/platform/ids.ts';
import type { TestStudio } from './studio.ts';

export interface Stranger {
  readonly token: string;
  readonly teamId: TeamId;
}

/** The owner of another team of the same installation. */
export const signInStranger = async ({ deps }: TestStudio): Promise<Stranger> => {
  const teamId = newId('team');
  await deps.db.tx('system', (tx) => tx.insertInto('team').values({ id: teamId, name: 'Strangers' }).execute());
  const actor = { userId: newId('usr'), teamId, role: 'owner', sessionId: newId('ses') } as const;
  const token = await deps.accessTokens.sign(actor, { email: 'stranger@example.org', name: 'Stranger' });
  return { token, teamId };
};

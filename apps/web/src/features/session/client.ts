import { ApiError, createClient, routes } from '@studio/client';
import type { Session } from '@studio/contracts';
import { useSession } from './store.ts';
import { openTabChannel, whileAlone } from './tab-channel.ts';

/** Kept in memory only: a script that reads storage finds nothing. */
let accessToken: string | null = null;

const enter = (session: Session) => {
  accessToken = session.accessToken;
  useSession.setState({ status: 'in', user: session.user }, true);
};

const leave = () => {
  accessToken = null;
  useSession.setState({ status: 'out' }, true);
};

const isBrowser = typeof window !== 'undefined';

const tabs = isBrowser
  ? openTabChannel((message) => (message.type === 'signed-in' ? enter(message.session) : leave()))
  : null;

export const getAccessToken = () => accessToken;

/** False: the session is over. Throws when the studio cannot be reached, which ends nothing. */
export const renewSession = (): Promise<boolean> => {
  const before = accessToken;
  return whileAlone(async () => {
    if (accessToken !== before && accessToken !== null) return true;
    try {
      const session = await client.call(routes.refresh);
      enter(session);
      tabs?.tell({ type: 'signed-in', session });
      return true;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      leave();
      return false;
    }
  });
};

export const client = createClient({ baseUrl: '', getAccessToken, onUnauthorized: renewSession });

const begin = (session: Session) => {
  enter(session);
  tabs?.tell({ type: 'signed-in', session });
};

export const signIn = async (body: { email: string; password: string }) =>
  begin(await client.call(routes.login, { body }));

export const register = async (body: { email: string; password: string; name: string }) =>
  begin(await client.call(routes.register, { body }));

export const signOut = async () => {
  await client.call(routes.logout);
  leave();
  tabs?.tell({ type: 'signed-out' });
};

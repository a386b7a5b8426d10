import { type Client, createClient, routes } from '@studio/client';
import type { Session } from '@studio/contracts';

export interface Account {
  readonly client: Client;
  readonly session: Session;
}

/** Makes the owner of a fresh studio and a client that acts for them. */
export const registerOwner = async (baseUrl: string): Promise<Account> => {
  const guest = createClient({ baseUrl });
  const session = await guest.call(routes.register, {
    body: { email: 'owner@example.org', password: 'a long and dull passphrase', name: 'Owner' },
  });
  return { session, client: createClient({ baseUrl, getAccessToken: () => session.accessToken }) };
};

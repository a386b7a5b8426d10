import type { ConnectionStatus } from '@studio/client';
import { create } from 'zustand';

/** Down from the break until the line is live again; the first connecting of a page is not a break. */
export const useConnection = create<{ readonly isDown: boolean }>(() => ({ isDown: false }));

export const noteStatus = (status: ConnectionStatus) => {
  if (status === 'waiting') useConnection.setState({ isDown: true });
  if (status === 'live' || status === 'closed') useConnection.setState({ isDown: false });
};

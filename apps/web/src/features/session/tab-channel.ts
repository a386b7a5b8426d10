import type { Session } from '@studio/contracts';

type TabMessage = { readonly type: 'signed-in'; readonly session: Session } | { readonly type: 'signed-out' };

/** Tabs of one browser share one refresh cookie; what one learns, the others take over. */
export const openTabChannel = (onMessage: (message: TabMessage) => void) => {
  const channel = new BroadcastChannel('studio-session');
  channel.onmessage = ({ data }: MessageEvent<TabMessage>) => onMessage(data);
  return { tell: (message: TabMessage) => channel.postMessage(message) };
};

/**
 * One tab at a time rotates the cookie: two at once would look like a stolen token. Web Locks exist only on
 * https and localhost; elsewhere the server's ten seconds of grace have to do.
 */
export const whileAlone = <T>(work: () => Promise<T>): Promise<T> =>
  'locks' in navigator ? navigator.locks.request('studio-refresh', work) : work();

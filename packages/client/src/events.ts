import type { PreviewHeader, StudioEvent, socketHelloSchema, socketServerFrameSchema } from '@studio/contracts';
import { backoffMs } from './backoff.ts';
import { decodePreviewFrame } from './preview-frame.ts';

type Hello = typeof socketHelloSchema._zod.input;
type ServerFrame = typeof socketServerFrameSchema._zod.output;

/** `waiting`: the line is down and another try is due. `closed`: closed by the caller, or the session is over. */
export type ConnectionStatus = 'connecting' | 'live' | 'waiting' | 'closed';

export interface EventsOptions {
  /** `ws://127.0.0.1:8188/ws` */
  readonly url: string;
  readonly getAccessToken: () => string | null;
  /** Gets a new access token; false when the session is over, which closes the stream for good. */
  readonly onUnauthorized: () => Promise<boolean>;
  readonly onEvent: (event: StudioEvent) => void;
  readonly onPreview?: (header: PreviewHeader, image: Blob) => void;
  /** The line is live. `isComplete` false: what was read before may be out of date; read it again. */
  readonly onReady?: (ready: { readonly isComplete: boolean }) => void;
  readonly onStatus?: (status: ConnectionStatus) => void;
}

export interface EventStream {
  /** Tries at once instead of waiting out the pause, e.g. when the network is back. */
  readonly retryNow: () => void;
  readonly close: () => void;
}

/** Until the server names its own beat: time for the handshake and the hello. */
const handshakeMs = 10_000;
const missedBeats = 2.5;

interface Line {
  readonly close: () => void;
}

interface LineHandlers {
  readonly hello: () => Hello;
  readonly onFrame: (frame: ServerFrame | StudioEvent) => void;
  readonly onPreview: EventsOptions['onPreview'];
  readonly onDown: () => void;
}

/** One socket and its watchdog; `onDown` comes once, whether it closed, failed or fell silent. */
const openLine = (url: string, handlers: LineHandlers): Line => {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  let silenceMs = handshakeMs;
  let watchdog: ReturnType<typeof setTimeout>;
  let isDown = false;

  const close = () => {
    if (isDown) return;
    isDown = true;
    clearTimeout(watchdog);
    socket.close();
    handlers.onDown();
  };
  const watch = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(close, silenceMs);
  };

  socket.onopen = () => socket.send(JSON.stringify(handlers.hello()));
  socket.onclose = close;
  socket.onmessage = (message) => {
    if (isDown) return;
    const data: string | ArrayBuffer = message.data;
    if (typeof data !== 'string') {
      const { header, image } = decodePreviewFrame(data);
      handlers.onPreview?.(header, image);
    } else {
      const frame: ServerFrame | StudioEvent = JSON.parse(data);
      if (frame.type === 'ready') silenceMs = frame.heartbeatMs * missedBeats;
      handlers.onFrame(frame);
    }
    if (!isDown) watch();
  };
  watch();
  return { close };
};

/** Follows the team's events over one socket; comes back after every break and asks for what it missed. */
export const openEvents = (options: EventsOptions): EventStream => {
  let line: Line | null = null;
  let lastSeq: number | undefined;
  let failures = 0;
  let pause: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;
  let isRefused = false;

  const end = () => {
    isClosed = true;
    clearTimeout(pause);
    line?.close();
    options.onStatus?.('closed');
  };

  const wait = (ms: number) => {
    options.onStatus?.('waiting');
    pause = setTimeout(connect, ms);
  };

  const renew = async () => {
    const isRenewed = await options.onUnauthorized().catch(() => null);
    if (isClosed) return;
    if (isRenewed === false) end();
    else wait(isRenewed ? 0 : backoffMs(failures++));
  };

  const onFrame = (frame: ServerFrame | StudioEvent) => {
    if (frame.type === 'heartbeat') return;
    if (frame.type === 'error') {
      isRefused = frame.code.startsWith('auth.');
      line?.close();
      return;
    }
    if ('seq' in frame) lastSeq = frame.seq;
    if (frame.type !== 'ready') return options.onEvent(frame);
    failures = 0;
    options.onStatus?.('live');
    options.onReady?.({ isComplete: frame.isComplete });
  };

  const onDown = () => {
    line = null;
    if (isClosed) return;
    if (isRefused) void renew();
    else wait(backoffMs(failures++));
  };

  const connect = () => {
    clearTimeout(pause);
    isRefused = false;
    options.onStatus?.('connecting');
    line = openLine(options.url, {
      hello: () => ({
        type: 'hello',
        accessToken: options.getAccessToken() ?? '',
        ...(lastSeq !== undefined && { since: lastSeq }),
      }),
      onFrame,
      onPreview: options.onPreview,
      onDown,
    });
  };

  connect();
  return {
    retryNow: () => {
      if (!isClosed && line === null) connect();
    },
    close: () => {
      if (!isClosed) end();
    },
  };
};

import type { StudioEvent } from '@studio/contracts';
import type { Preview } from './latest.ts';

/** Keeps proxies from closing a quiet stream; with each, the token that opened it is checked again. */
export const heartbeatMs = 20_000;
/** A page says within three seconds that its line is dead, so a socket may be silent for one at most. */
export const socketHeartbeatMs = 1_000;
/** What is passing (previews, progress) is left out for a client that is this far behind. */
export const maxBehindBytes = 1024 * 1024;
/** A client this far behind will not catch up; it may come back and resume. */
export const hopelessBytes = 16 * 1024 * 1024;

/** Passing events are worth nothing to a client that is behind: a newer one follows. */
export const isPassing = (event: StudioEvent): boolean => !('seq' in event);

/** u32 big-endian header length, header JSON, image bytes. */
export const previewFrame = ({ header, image }: Preview): Buffer => {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, image]);
};

/** One server-sent event; `id` only for a numbered one, so that Last-Event-ID always names a number. */
export const sseFrame = (type: string, data: unknown, seq?: number): string =>
  `${seq === undefined ? '' : `id: ${seq}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

export const previewDataUrl = ({ header, image }: Preview): string =>
  `data:${header.contentType};base64,${image.toString('base64')}`;

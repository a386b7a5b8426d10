import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

/** What people write or prove themselves with never reaches a log, however deep a caller puts it. */
const secretFields = [
  'authorization',
  'cookie',
  'set-cookie',
  'password',
  'prompt',
  'negativePrompt',
  'accessToken',
  'refreshToken',
];

const redactPaths = secretFields.flatMap((field) => {
  const key = JSON.stringify(field);
  return [`[${key}]`, `*[${key}]`, `*.*[${key}]`, `*.*.*[${key}]`];
});

/** JSON lines. `destination` is stdout unless a test reads what is written. */
export const createLog = (level: string, destination?: DestinationStream): Log => {
  const options = { level, base: null, redact: { paths: redactPaths, censor: '[redacted]' } };
  return destination ? pino(options, destination) : pino(options);
};

import { z } from 'zod';
import { StartError } from './platform/start-error.ts';

interface Field<T extends z.ZodType> {
  /** One sentence; becomes the operating docs. */
  readonly doc: string;
  readonly env: `STUDIO_${string}`;
  readonly type: T;
  /** As one would write it in the environment. Absent: `type` decides whether the field may be left out. */
  readonly default?: string;
}
const field = <T extends z.ZodType>(definition: Field<T>): Field<T> => definition;

const originSchema = z
  .url({ protocol: /^https?$/, error: 'Write an address such as http://127.0.0.1:3000.' })
  .transform((url) => new URL(url).origin);
const countSchema = (min: number, max: number) => z.coerce.number('Write a whole number.').int().min(min).max(max);

/** Every setting of the api process: what it means, how it is named, what it may be, what it is when left out. */
export const configFields = {
  host: field({
    doc: 'Address to listen on; the default answers this machine only.',
    env: 'STUDIO_HOST',
    type: z.string().min(1),
    default: '127.0.0.1',
  }),
  port: field({
    doc: 'Port of pages, API, sockets and engines alike.',
    env: 'STUDIO_PORT',
    type: countSchema(0, 65_535),
    default: '8188',
  }),
  publicUrl: field({
    doc: 'Address that browsers use when it differs from host and port, e.g. behind a reverse proxy.',
    env: 'STUDIO_PUBLIC_URL',
    type: originSchema.optional(),
  }),
  trustProxy: field({
    doc: 'Believe the X-Forwarded-* headers; set it only when every request comes through your own proxy.',
    env: 'STUDIO_TRUST_PROXY',
    type: z.stringbool('Write true or false.'),
    default: 'false',
  }),
  webUrl: field({
    doc: 'Loopback address of the web process; without it no pages are served.',
    env: 'STUDIO_WEB_URL',
    type: originSchema.optional(),
  }),
  isWebDev: field({
    doc: "The web process is Next's development server: pass its sockets on and let its scripts evaluate code.",
    env: 'STUDIO_WEB_DEV',
    type: z.stringbool('Write true or false.'),
    default: 'false',
  }),
  databaseUrl: field({
    doc: 'PostgreSQL (15 or newer) as a role that is neither superuser nor BYPASSRLS and owns its schema.',
    env: 'STUDIO_DATABASE_URL',
    type: z.string('Set it to postgres://user:password@host:port/database.').regex(/^postgres(ql)?:\/\//, {
      error: 'Write postgres://user:password@host:port/database.',
    }),
  }),
  databasePool: field({
    doc: 'Most connections to PostgreSQL that this process opens.',
    env: 'STUDIO_DATABASE_POOL',
    type: countSchema(2, 200),
    default: '10',
  }),
  databaseTimeoutMs: field({
    doc: 'Milliseconds after which PostgreSQL gives up on one statement.',
    env: 'STUDIO_DATABASE_TIMEOUT_MS',
    type: countSchema(100, 600_000),
    default: '10000',
  }),
  dataDir: field({
    doc: 'Folder for pictures and other files; created when missing.',
    env: 'STUDIO_DATA_DIR',
    type: z.string('Set it to a folder.').min(1, 'Set it to a folder.'),
  }),
  secret: field({
    doc: 'At least 32 random bytes in hex; signs file links and seals the keys that sign access tokens.',
    env: 'STUDIO_SECRET',
    type: z
      .string('Set it to at least 64 hex digits, e.g. from `openssl rand -hex 32`.')
      .regex(/^([0-9a-f]{2}){32,}$/i, 'Use at least 64 hex digits, e.g. from `openssl rand -hex 32`.'),
  }),
  engineToken: field({
    doc: 'What engines prove themselves with; give the same value to every engine of this installation.',
    env: 'STUDIO_ENGINE_TOKEN',
    type: z.string('Set it to at least 32 characters.').min(32, 'Use at least 32 characters.'),
  }),
  roles: field({
    doc: 'What this process does, separated by commas: api (HTTP), worker (background tasks), reaper (leases and deadlines).',
    env: 'STUDIO_ROLES',
    type: z
      .string()
      .transform((list) => list.split(',').map((role) => role.trim()))
      .pipe(z.array(z.enum(['api', 'worker', 'reaper'], { error: 'Use api, worker and reaper.' })).min(1)),
    default: 'api,worker,reaper',
  }),
  registration: field({
    doc: 'Who may create an account after the owner: nobody (closed) or everybody (open).',
    env: 'STUDIO_REGISTRATION',
    type: z.enum(['closed', 'open'], { error: 'Write closed or open.' }),
    default: 'closed',
  }),
  assetsTrashDays: field({
    doc: 'Days a deleted picture can be restored before its file is removed for good.',
    env: 'STUDIO_ASSETS_TRASH_DAYS',
    type: countSchema(0, 3_650),
    default: '30',
  }),
  jobDeadlineSeconds: field({
    doc: 'Seconds that one attempt at a job may take, model loading included; raise it for large pictures on slow machines.',
    env: 'STUDIO_JOB_DEADLINE_SECONDS',
    type: countSchema(10, 86_400),
    default: '600',
  }),
  productName: field({
    doc: 'Name that pages and API docs show.',
    env: 'STUDIO_PRODUCT_NAME',
    type: z.string().trim().min(1).max(60),
    default: 'AI Studio',
  }),
  logoUrl: field({
    doc: 'Address of a logo that pages show instead of the built-in mark.',
    env: 'STUDIO_LOGO_URL',
    type: z.string().min(1).optional(),
  }),
  logLevel: field({
    doc: 'Least severity that is logged: trace, debug, info, warn, error, fatal or silent.',
    env: 'STUDIO_LOG_LEVEL',
    type: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], { error: 'Use one of the levels.' }),
    default: 'info',
  }),
};

type Fields = typeof configFields;
export type Config = { readonly [K in keyof Fields]: z.output<Fields[K]['type']> };

const nonEmpty = (value: string | undefined): string | undefined => (value === '' ? undefined : value);

/** The whole configuration as one schema over the environment; an empty variable counts as left out. */
const schema = z.object(
  Object.fromEntries(
    Object.entries<Field<z.ZodType>>(configFields).map(([key, { type, default: fallback }]) => [
      key,
      z.preprocess((value) => value ?? fallback, type),
    ]),
  ),
);

/** Throws one `StartError` that names every wrong field at once. */
export function parseConfig(env: NodeJS.ProcessEnv): Config;
export function parseConfig(env: NodeJS.ProcessEnv): object {
  const fields = Object.entries<Field<z.ZodType>>(configFields);
  const given = Object.fromEntries(fields.map(([key, { env: name }]) => [key, nonEmpty(env[name])]));
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const name = fields.find(([key]) => key === issue.path[0])?.[1].env ?? 'configuration';
    return `  ${name}: ${issue.message}`;
  });
  throw new StartError(`The configuration is wrong; correct these variables:\n${lines.join('\n')}`);
}

/** The only reader of the process environment. */
export const readConfig = (): Config => parseConfig(process.env);

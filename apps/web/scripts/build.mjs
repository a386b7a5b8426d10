import { spawnSync } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const app = dirname(import.meta.dirname);
const next = createRequire(import.meta.url).resolve('next/dist/bin/next');

const { status } = spawnSync(process.execPath, [next, 'build'], {
  cwd: app,
  stdio: 'inherit',
  env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' },
});
if (status !== 0) process.exit(status ?? 1);

/** Next leaves static files out of its standalone server, expecting a CDN; here the server serves them itself. */
const server = join(app, '.next/standalone/apps/web');
cpSync(join(app, '.next/static'), join(server, '.next/static'), { recursive: true });
if (existsSync(join(app, 'public'))) cpSync(join(app, 'public'), join(server, 'public'), { recursive: true });

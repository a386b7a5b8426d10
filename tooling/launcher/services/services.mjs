import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathWithNode } from '../npm.mjs';
import { ROOT } from '../paths.mjs';
import { PYTHON } from '../setup/python.mjs';
import { WEB_SERVER } from '../setup/web.mjs';

/** How each process of the studio is started. `isDev` follows the sources. */

/**
 * @typedef {object} Plan
 * @property {import('../paths.mjs').HomePaths} home
 * @property {import('../setup/secrets.mjs').Secrets} secrets
 * @property {string} databaseUrl
 * @property {string} host
 * @property {number} port
 * @property {number} webPort
 * @property {boolean} isDev
 */

/** Give the engine way to whoever waits for a page: 5 leaves it a quarter of a contended core. */
const ENGINE_NICE = 5;

/**
 * Large blocks stay in the heap instead of being mapped and zeroed anew for every tensor: 2–3 times the speed of one
 * UNet pass on a CPU. glibc reads this only when a process starts.
 */
const GLIBC_TUNABLES = [
  'glibc.malloc.mmap_threshold=1073741824',
  'glibc.malloc.trim_threshold=4294967296',
  'glibc.malloc.top_pad=268435456',
  'glibc.malloc.arena_max=1',
].join(':');

/** What the engine needs before its first line runs; it starts itself anew where one of these is missing. */
const ENGINE_ENVIRONMENT = {
  GLIBC_TUNABLES,
  // A thread that waits for the others looks for some ten microseconds, then sleeps: the api is on the same cores.
  GOMP_SPINCOUNT: '1000',
  HF_HUB_OFFLINE: '1',
};

/**
 * @param {Plan} plan
 * @returns {import('./supervise.mjs').Service}
 */
export function apiService(plan) {
  const { home, secrets } = plan;
  return {
    name: 'api',
    triesToStart: 2,
    command: process.execPath,
    args: [...(plan.isDev ? ['--watch', '--watch-preserve-output'] : []), 'src/main.ts'],
    cwd: join(ROOT, 'apps', 'api'),
    env: {
      ...baseEnv(plan),
      STUDIO_HOST: plan.host,
      STUDIO_PORT: String(plan.port),
      STUDIO_DATABASE_URL: plan.databaseUrl,
      STUDIO_DATA_DIR: home.data,
      STUDIO_SECRET: secrets.appSecret,
      STUDIO_ENGINE_TOKEN: secrets.engineToken,
      STUDIO_WEB_URL: `http://127.0.0.1:${plan.webPort}`,
      STUDIO_WEB_DEV: String(plan.isDev),
    },
  };
}

/**
 * @param {Plan} plan
 * @returns {import('./supervise.mjs').Service}
 */
export function webService(plan) {
  const next = join(ROOT, 'node_modules', 'next', 'dist', 'bin', 'next');
  const dev = [next, 'dev', '--port', String(plan.webPort), '--hostname', '127.0.0.1'];
  return {
    name: 'web',
    triesToStart: 2,
    command: process.execPath,
    args: plan.isDev ? dev : [WEB_SERVER],
    cwd: join(ROOT, 'apps', 'web'),
    env: {
      ...baseEnv(plan),
      NODE_ENV: plan.isDev ? 'development' : 'production',
      NEXT_TELEMETRY_DISABLED: '1',
      PORT: String(plan.webPort),
      HOSTNAME: '127.0.0.1',
      STUDIO_API_URL: apiUrl(plan),
    },
  };
}

/**
 * One engine per GPU, or one on the processor.
 * @param {Plan} plan
 * @returns {import('./supervise.mjs').Service[]}
 */
export function engineServices(plan) {
  const gpus = listGpus();
  if (gpus.length === 0) return [engineService(plan, 0, {})];
  return gpus.map((gpu) => engineService(plan, gpu, { CUDA_VISIBLE_DEVICES: String(gpu) }));
}

/**
 * @param {Plan} plan
 * @param {number} index
 * @param {NodeJS.ProcessEnv} extra
 * @returns {import('./supervise.mjs').Service}
 */
function engineService(plan, index, extra) {
  const name = `local-${index}`;
  return {
    name: index === 0 ? 'engine' : `engine-${index}`,
    command: PYTHON,
    args: ['-m', 'studio_engine'],
    cwd: join(ROOT, 'engine'),
    nice: ENGINE_NICE,
    env: {
      ...ENGINE_ENVIRONMENT,
      STUDIO_MODELS_DIR: plan.home.models,
      ...baseEnv(plan),
      ...extra,
      PYTHONUNBUFFERED: '1',
      STUDIO_API_URL: apiUrl(plan),
      STUDIO_ENGINE_TOKEN: plan.secrets.engineToken,
      STUDIO_ENGINE_NAME: name,
      STUDIO_ENGINE_SPOOL_DIR: join(plan.home.spool, name),
    },
  };
}

/** @returns {number[]} */
function listGpus() {
  if (!existsSync('/dev/nvidiactl')) return [];
  return readdirSync('/dev')
    .map((name) => /^nvidia(\d+)$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map((_, index) => index);
}

/**
 * The address on which this machine's own processes reach the api.
 * @param {{ host: string, port: number }} plan
 */
export function apiUrl({ host, port }) {
  const local = ['0.0.0.0', '::', 'localhost'].includes(host) ? '127.0.0.1' : host;
  return `http://${local.includes(':') ? `[${local}]` : local}:${port}`;
}

/**
 * The person's own settings, less the secrets, which each process gets only where it needs them.
 * @param {Plan} plan
 * @returns {NodeJS.ProcessEnv}
 */
function baseEnv(plan) {
  const dropped = /^npm_|^STUDIO_(SECRET|DATABASE_URL|ENGINE_TOKEN|HOME|PORT|HOST)$/;
  const kept = Object.entries(process.env).filter(([name]) => !dropped.test(name));
  return { NODE_ENV: plan.isDev ? 'development' : 'production', ...Object.fromEntries(kept), PATH: pathWithNode() };
}

import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/**
 * Tools belong to the checkout (private Node, Python environment, build stamps), so several studios may share them.
 */
export const TOOLS = join(ROOT, '.studio');

/**
 * Where one studio keeps everything it knows: database, pictures, secrets, logs.
 * @param {string} home
 */
export function homePaths(home) {
  return {
    home,
    data: join(home, 'data'),
    logs: join(home, 'logs'),
    run: join(home, 'run'),
    models: join(home, 'models'),
    spool: join(home, 'spool'),
    secrets: join(home, 'secrets.json'),
    lock: join(home, 'run', 'studio.lock'),
  };
}

/** @typedef {ReturnType<typeof homePaths>} HomePaths */

/**
 * The studio's home: the option, else the environment, else `.studio` in the checkout.
 * @param {string | undefined} option
 * @returns {HomePaths}
 */
export function resolveHome(option) {
  return homePaths(resolve(option ?? process.env.STUDIO_HOME ?? TOOLS));
}

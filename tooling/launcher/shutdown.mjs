import { endAllChildren } from './children.mjs';
import { commandLine, identify, isAlive, parentOf } from './identity.mjs';

/** Signals and the parent's death end in one place: run what was registered, newest first, then exit. */

/** @type {(() => unknown)[]} */
const tasks = [];
let isStopping = false;

/** The last resort when an orderly stop hangs; below the 10 s in which every child must be gone. */
const STOP_LIMIT_MS = 9500;
const PARENT_POLL_MS = 500;

/** @param {() => unknown} task */
export function onShutdown(task) {
  tasks.unshift(task);
}

export function hasBegunShutdown() {
  return isStopping;
}

/**
 * @param {number} code exit code
 * @returns {Promise<never>}
 */
export async function shutDown(code) {
  if (isStopping) return new Promise(() => {});
  isStopping = true;
  setTimeout(() => process.exit(code), STOP_LIMIT_MS).unref();
  for (const task of tasks) {
    try {
      await task();
    } catch (error) {
      process.stderr.write(`${String(error)}\n`);
    }
  }
  await endAllChildren();
  process.exit(code);
}

export function watchSignals() {
  process.on('SIGINT', () => void shutDown(130));
  process.on('SIGTERM', () => void shutDown(143));
  process.on('SIGHUP', () => void shutDown(129));
  if (process.connected) process.once('disconnect', () => void shutDown(143));
  else watchNpm();
}

/**
 * npm does not take its script along when it is killed, nor does the shell in between. A launch from a shell may
 * outlive the shell on purpose (nohup), so only npm counts.
 */
function watchNpm() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const npm = findNpmAbove(process.ppid);
  if (npm === undefined) return;
  setInterval(() => {
    if (!isAlive(npm)) void shutDown(143);
  }, PARENT_POLL_MS).unref();
}

/**
 * @param {number} pid
 * @param {number} [levels] npm, perhaps a shell, this process
 * @returns {import('./identity.mjs').Identity | undefined}
 */
function findNpmAbove(pid, levels = 2) {
  if (commandLine(pid)[0]?.startsWith('npm ') || commandLine(pid)[1]?.endsWith('npm-cli.js')) return identify(pid);
  const parent = parentOf(pid);
  return levels > 1 && parent !== undefined ? findNpmAbove(parent, levels - 1) : undefined;
}

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { identify } from './identity.mjs';

/** Every process the launcher starts leads a group of its own, and is known to the guard until it ends. */

/**
 * @typedef {import('node:child_process').ChildProcess} ChildProcess
 * @typedef {NodeJS.Signals} Signal
 * @typedef {{ child: ChildProcess, pid: number, startTicks: string, signal: Signal }} Owned
 */

/** @type {Map<number, Owned>} */
const owned = new Map();
/** @type {ChildProcess | undefined} */
let guard;

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions & { stopSignal?: Signal }} options
 * @returns {ChildProcess}
 */
export function spawnOwned(command, args, { stopSignal = 'SIGTERM', ...options }) {
  startGuard();
  const child = spawn(command, args, { ...options, detached: true });
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (identity !== undefined) {
    const { pid, startTicks } = identity;
    owned.set(pid, { child, pid, startTicks, signal: stopSignal });
    tellGuard();
    child.once('exit', () => {
      owned.delete(pid);
      tellGuard();
    });
  }
  return child;
}

/**
 * Resolves when the child has ended; a command that cannot be started rejects.
 * @param {ChildProcess} child
 * @returns {Promise<{ code: number | null, signal: Signal | null }>}
 */
export function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

/**
 * Sends a signal to the child and all it started.
 * @param {number} pid
 * @param {Signal} signal
 */
export function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has ended already.
  }
}

/**
 * Asks a child to end and, after the grace, ends it.
 * @param {ChildProcess} child
 * @param {{ signal?: Signal, graceMs?: number }} [options]
 */
export async function endChild(child, { signal = 'SIGTERM', graceMs = 8000 } = {}) {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const done = ended(child);
  signalGroup(pid, signal);
  const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), graceMs);
  await done;
  clearTimeout(timer);
  signalGroup(pid, 'SIGKILL');
}

/** Ends whatever still runs, all at once: the last resort of an interrupted set-up. */
export async function endAllChildren() {
  await Promise.all([...owned.values()].map(({ child, signal }) => endChild(child, { signal })));
}

function startGuard() {
  if (guard !== undefined) return;
  const script = fileURLToPath(new URL('guard.sh', import.meta.url));
  guard = spawn('/bin/sh', [script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' });
  guard.stdin?.on('error', () => {});
  guard.unref();
  if (guard.stdin !== null && 'unref' in guard.stdin && typeof guard.stdin.unref === 'function') guard.stdin.unref();
}

function tellGuard() {
  const entries = [...owned.values()].map(({ pid, startTicks, signal }) => `${pid}:${startTicks}:${signal.slice(3)}`);
  guard?.stdin?.write(`${entries.join(' ')}\n`);
}

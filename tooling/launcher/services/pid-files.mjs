import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { signalGroup } from '../children.mjs';
import { readText } from '../command.mjs';
import { identify, isAlive, parseIdentity } from '../identity.mjs';
import { writeFileAtomic } from '../stamp.mjs';

/** Pid files name what runs, so that the launch after a killed one can end what is left. */

const GRACE_MS = 8000;
const POLL_MS = 50;

/**
 * @param {string} folder
 * @param {string} name
 * @param {{ pid: number, stopSignal: NodeJS.Signals }} running
 */
export function writePidFile(folder, name, { pid, stopSignal }) {
  const identity = identify(pid);
  if (identity !== undefined) writeFileAtomic(pidFile(folder, name), JSON.stringify({ ...identity, stopSignal }));
}

/**
 * @param {string} folder
 * @param {string} name
 */
export function removePidFile(folder, name) {
  rmSync(pidFile(folder, name), { force: true });
}

/**
 * Ends every recorded process that still runs, and only those: a number that meanwhile belongs to another process
 * is left alone.
 * @param {string} folder
 * @returns {Promise<string[]>} the names of those that had to be ended
 */
export async function endLeftovers(folder) {
  mkdirSync(folder, { recursive: true });
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.pid'))
    .map((file) => file.slice(0, -4));
  const outcomes = await Promise.all(names.map((name) => endLeftover(folder, name)));
  return names.filter((_, index) => outcomes[index]);
}

/**
 * @param {string} folder
 * @param {string} name
 */
async function endLeftover(folder, name) {
  const recorded = readPidFile(pidFile(folder, name));
  const wasRunning = recorded !== undefined && isAlive(recorded);
  if (wasRunning) await endRecorded(recorded);
  removePidFile(folder, name);
  return wasRunning;
}

/** @param {import('../identity.mjs').Identity & { stopSignal: NodeJS.Signals }} recorded */
export async function endRecorded(recorded) {
  const deadline = Date.now() + GRACE_MS;
  signalGroup(recorded.pid, recorded.stopSignal);
  while (isAlive(recorded) && Date.now() < deadline) await delay(POLL_MS);
  while (isAlive(recorded)) {
    signalGroup(recorded.pid, 'SIGKILL');
    await delay(POLL_MS);
  }
}

/** @param {string} file */
function readPidFile(file) {
  try {
    const parsed = JSON.parse(readText(file) ?? 'null');
    const identity = parseIdentity(parsed);
    if (identity === undefined) return undefined;
    /** @type {NodeJS.Signals} */
    const stopSignal = parsed.stopSignal === 'SIGINT' ? 'SIGINT' : 'SIGTERM';
    return { ...identity, stopSignal };
  } catch {
    return undefined;
  }
}

/**
 * @param {string} folder
 * @param {string} name
 */
function pidFile(folder, name) {
  return join(folder, `${name}.pid`);
}

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identify, isAlive, parseIdentity } from './identity.mjs';
import { writeFileAtomic } from './stamp.mjs';

/**
 * @typedef {import('./identity.mjs').Identity & { url?: string, verb?: string }} Holder
 * @typedef {{ update: (details: { url: string }) => void, release: () => void }} Lock
 */

/**
 * Takes a lock file, or tells who holds it. A lock whose holder is gone is taken over.
 * @param {string} file
 * @param {string} verb what the holder does, for messages
 * @returns {{ lock: Lock } | { holder: Holder }}
 */
export function tryLock(file, verb) {
  mkdirSync(dirname(file), { recursive: true });
  const self = identify(process.pid);
  if (self === undefined) throw new Error('This system has no /proc; the launcher needs Linux.');
  const candidate = `${file}.${process.pid}`;
  writeFileSync(candidate, JSON.stringify({ ...self, verb }));
  try {
    for (;;) {
      if (tryLink(candidate, file)) return { lock: openLock(file, { ...self, verb }) };
      const holder = readHolder(file);
      if (holder !== undefined && isAlive(holder)) return { holder };
      discardStale(file);
    }
  } finally {
    rmSync(candidate, { force: true });
  }
}

/**
 * Waits for a lock that is held for a short time, such as the set-up's.
 * @param {string} file
 * @param {{ verb: string, onWait: (holder: Holder) => void }} options
 * @returns {Promise<Lock>}
 */
export async function waitForLock(file, { verb, onWait }) {
  for (let hasSaid = false; ; hasSaid = true) {
    const outcome = tryLock(file, verb);
    if ('lock' in outcome) return outcome.lock;
    if (!hasSaid) onWait(outcome.holder);
    await delay(200);
  }
}

/**
 * @param {string} file
 * @returns {Holder | undefined}
 */
export function readHolder(file) {
  try {
    const parsed = JSON.parse(readFileSync(file, 'utf8'));
    const identity = parseIdentity(parsed);
    if (identity === undefined) return undefined;
    return { ...identity, ...(typeof parsed.url === 'string' ? { url: parsed.url } : {}), verb: String(parsed.verb) };
  } catch {
    return undefined;
  }
}

/** link() is the one step that fails when the name exists, on every local file system. @param {string} from @param {string} to */
function tryLink(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Two launches may both see a stale lock: only one rename succeeds, and what it moved away is looked at again,
 * because a third launch may have taken the lock in between.
 * @param {string} file
 */
function discardStale(file) {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  const moved = readHolder(aside);
  if (moved !== undefined && isAlive(moved)) tryLink(aside, file);
  rmSync(aside, { force: true });
}

/**
 * @param {string} file
 * @param {Holder} self
 * @returns {Lock}
 */
function openLock(file, self) {
  return {
    update: (details) => writeFileAtomic(file, JSON.stringify({ ...self, ...details })),
    release: () => {
      if (readHolder(file)?.pid === process.pid) rmSync(file, { force: true });
    },
  };
}

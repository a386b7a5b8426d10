import { closeSync } from 'node:fs';
import { setPriority } from 'node:os';
import { endChild, ended, spawnOwned } from '../children.mjs';
import { formatElapsed, say } from '../progress.mjs';
import { hasBegunShutdown } from '../shutdown.mjs';
import { openLog, rotateLog } from './logs.mjs';
import { removePidFile, writePidFile } from './pid-files.mjs';

/**
 * @typedef {object} Service
 * @property {string} name
 * @property {string} command
 * @property {readonly string[]} args
 * @property {string} cwd
 * @property {NodeJS.ProcessEnv} env
 * @property {number} [nice] 1–19; leaves the processors to the others first
 * @property {import('../setup/account.mjs').Account | undefined} [account]
 * @property {NodeJS.Signals} [stopSignal]
 * @property {number} [graceMs] from the stop signal to the kill
 * @property {number} [triesToStart] how often it may end before it has been ready once; a wrong setting stays wrong
 * @property {() => Promise<void>} [beforeStart] runs before every start, also after a crash
 *
 * @typedef {object} Supervised
 * @property {string} name
 * @property {string} logFile
 * @property {() => Promise<void>} stop
 * @property {() => void} markReady from now on every death is followed by a restart, within bounds
 * @property {Promise<void>} failed resolves when the service keeps dying and is given up
 */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** A service that ran this long was healthy; its next death counts as the first. */
const HEALTHY_MS = 60_000;
const DEATHS_ALLOWED = 5;
/** With the database's own grace, which follows, still below the 10 s in which a stop must be over. */
const GRACE_MS = 6000;

/**
 * How long to wait before the next start, undefined when it is no use.
 * @param {number} deaths in a row, at least 1
 * @param {number} [allowed]
 */
export function planRestart(deaths, allowed = DEATHS_ALLOWED) {
  if (deaths >= allowed) return undefined;
  return Math.min(FIRST_WAIT_MS * 2 ** (deaths - 1), LONGEST_WAIT_MS);
}

/**
 * Keeps one service running until it is stopped.
 * @param {Service} service
 * @param {{ logs: string, run: string }} folders
 * @returns {Supervised}
 */
export function supervise(service, { logs, run }) {
  const logFile = rotateLog(logs, service.name);
  const stopping = new AbortController();
  /** @type {() => void} */
  let giveUp = () => {};
  /** @type {Promise<void>} */
  const failed = new Promise((resolve) => {
    giveUp = resolve;
  });
  let isReady = service.triesToStart === undefined;
  const deathsAllowed = () => (isReady ? DEATHS_ALLOWED : (service.triesToStart ?? DEATHS_ALLOWED));
  const context = { logFile, run, stopping: stopping.signal, deathsAllowed };
  const loop = keepRunning(service, context).then((hasFailed) => {
    if (hasFailed) giveUp();
  });
  const stop = () => {
    stopping.abort();
    return loop;
  };
  const markReady = () => {
    isReady = true;
  };
  return { name: service.name, logFile, stop, failed, markReady };
}

/**
 * @param {Service} service
 * @param {{ logFile: string, run: string, stopping: AbortSignal, deathsAllowed: () => number }} context
 * @returns {Promise<boolean>} true when the service was given up
 */
async function keepRunning(service, context) {
  for (let deaths = 0; !isOver(context); ) {
    const startedMs = Date.now();
    const how = await runOnce(service, context);
    if (isOver(context)) return false;
    const livedMs = Date.now() - startedMs;
    deaths = livedMs >= HEALTHY_MS ? 1 : deaths + 1;
    const waitMs = planRestart(deaths, context.deathsAllowed());
    const next = waitMs === undefined ? 'given up' : `restarting in ${formatElapsed(waitMs)}`;
    say(`! ${service.name} ended (${how}) after ${formatElapsed(livedMs)}; ${next}. Log: ${context.logFile}`);
    if (waitMs === undefined) return true;
    await pause(waitMs, context.stopping);
  }
  return false;
}

/** @param {{ stopping: AbortSignal }} context */
function isOver({ stopping }) {
  return stopping.aborted || hasBegunShutdown();
}

/**
 * @param {Service} service
 * @param {{ logFile: string, run: string, stopping: AbortSignal }} context
 * @returns {Promise<string>} how it ended, for a person
 */
async function runOnce(service, { logFile, run, stopping }) {
  const log = openLog(logFile);
  try {
    await service.beforeStart?.();
    const stopSignal = service.stopSignal ?? 'SIGTERM';
    const { command, args, cwd, env, account } = service;
    const child = spawnOwned(command, args, { cwd, env, stdio: ['ignore', log, log], stopSignal, ...(account ?? {}) });
    const end = ended(child);
    if (child.pid !== undefined) {
      lowerPriority(child.pid, service.nice);
      writePidFile(run, service.name, { pid: child.pid, stopSignal });
    }
    const onStop = () => void endChild(child, { signal: stopSignal, graceMs: service.graceMs ?? GRACE_MS });
    if (stopping.aborted) onStop();
    stopping.addEventListener('abort', onStop);
    const { code, signal } = await end;
    stopping.removeEventListener('abort', onStop);
    removePidFile(run, service.name);
    return signal ?? `exit ${code}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    closeSync(log);
  }
}

/**
 * @param {number} pid
 * @param {number | undefined} nice
 */
function lowerPriority(pid, nice) {
  if (nice === undefined) return;
  try {
    setPriority(pid, nice);
  } catch {
    // It has ended already; the supervisor will say so.
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

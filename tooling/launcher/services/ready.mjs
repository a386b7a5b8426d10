import { setTimeout as delay } from 'node:timers/promises';
import { Advice } from '../failure.mjs';
import { say } from '../progress.mjs';

const POLL_MS = 50;
const ANSWER_LIMIT_MS = 5000;
const SLOW_MS = 60_000;

/**
 * Waits until an address answers as a working server does. Slow machines get their time; only a service that is given up ends the wait.
 * @param {string} url
 * @param {import('./supervise.mjs').Supervised} supervised
 */
export async function answers(url, { name, failed, logFile, markReady }) {
  let hasFailed = false;
  void failed.then(() => {
    hasFailed = true;
  });
  let slowAtMs = Date.now() + SLOW_MS;
  while (!(await isOk(url))) {
    if (hasFailed) throw new Advice(`The ${name} process keeps ending; its log tells why.`, { logFile });
    if (Date.now() > slowAtMs) {
      say(`… still waiting for ${name}. Log: ${logFile}`);
      slowAtMs = Date.now() + SLOW_MS;
    }
    await delay(POLL_MS);
  }
  markReady();
}

/** @param {string} url */
async function isOk(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS), redirect: 'manual' });
    await response.body?.cancel();
    return response.status < 500;
  } catch {
    return false;
  }
}

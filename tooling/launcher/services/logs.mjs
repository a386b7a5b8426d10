import { existsSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const KEPT = 5;

/**
 * Puts the last run's log aside and keeps the five newest: name.log, name.1.log … name.4.log.
 * @param {string} folder
 * @param {string} name
 * @returns {string} the file for this run
 */
export function rotateLog(folder, name) {
  mkdirSync(folder, { recursive: true });
  const file = (/** @type {number} */ age) => join(folder, age === 0 ? `${name}.log` : `${name}.${age}.log`);
  rmSync(file(KEPT - 1), { force: true });
  for (let age = KEPT - 2; age >= 0; age -= 1) {
    if (existsSync(file(age))) renameSync(file(age), file(age + 1));
  }
  return file(0);
}

/**
 * A descriptor that children write to directly, so that no log line waits for the launcher.
 * @param {string} file
 */
export function openLog(file) {
  return openSync(file, 'a', 0o640);
}

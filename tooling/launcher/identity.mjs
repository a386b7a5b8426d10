import { readFileSync, readlinkSync } from 'node:fs';

/**
 * What tells one process from any other that ever had its number: the boot, the number, the start time.
 * @typedef {{ pid: number, startTicks: string, boot: string }} Identity
 */

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/**
 * @param {number} pid
 * @returns {Identity | undefined} undefined when there is no such process
 */
export function identify(pid) {
  const fields = readStat(pid);
  if (fields === undefined) return undefined;
  return { pid, startTicks: fields.startTicks, boot: readFileSync(BOOT_ID, 'utf8').trim() };
}

/**
 * Whether the very process that was recorded still runs. A zombie has ended: it only waits to be collected.
 * @param {Identity} recorded
 */
export function isAlive(recorded) {
  const fields = readStat(recorded.pid);
  if (fields === undefined || fields.state === 'Z') return false;
  return fields.startTicks === recorded.startTicks && readFileSync(BOOT_ID, 'utf8').trim() === recorded.boot;
}

/**
 * @param {number} pid
 * @returns {string | undefined} the folder the process works in, where that may be read
 */
export function workingFolder(pid) {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

/**
 * @param {number} pid
 * @returns {number | undefined}
 */
export function parentOf(pid) {
  return readStat(pid)?.parent;
}

/**
 * @param {number} pid
 * @returns {string[]} empty when the process has ended
 */
export function commandLine(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/**
 * @param {number} pid
 * @returns {{ state: string, parent: number, startTicks: string } | undefined}
 */
function readStat(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may itself hold spaces and parentheses, so fields count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, parent, startTicks] = [fields[0], Number(fields[1]), fields[19]];
    return state === undefined || startTicks === undefined ? undefined : { state, parent, startTicks };
  } catch {
    return undefined;
  }
}

/**
 * @param {unknown} value parsed JSON of a pid or lock file
 * @returns {Identity | undefined}
 */
export function parseIdentity(value) {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('pid' in value && 'startTicks' in value && 'boot' in value)) return undefined;
  const { pid, startTicks, boot } = value;
  if (typeof pid !== 'number' || typeof startTicks !== 'string' || typeof boot !== 'string') return undefined;
  return Number.isInteger(pid) && pid > 1 ? { pid, startTicks, boot } : undefined;
}

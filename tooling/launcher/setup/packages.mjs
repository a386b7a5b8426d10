import { join } from 'node:path';
import { readText, runLogged } from '../command.mjs';
import { Advice } from '../failure.mjs';
import { findNpm, npmEnv } from '../npm.mjs';
import { ROOT, TOOLS } from '../paths.mjs';
import { withProgress } from '../progress.mjs';
import { hashInputs, isStamped, writeStamp } from '../stamp.mjs';

const LOCK_FILE = join(ROOT, 'package-lock.json');
const INSTALLED_FILE = join(ROOT, 'node_modules', '.package-lock.json');
/** Lies inside node_modules, which `npm ci` empties first: an interrupted install leaves no stamp. */
const STAMP = join(ROOT, 'node_modules', '.studio-stamp');

/** Installs the npm packages of the lock file where they differ from what is installed. */
export async function ensurePackages() {
  const hash = hashInputs({ root: ROOT, paths: [LOCK_FILE], values: [process.platform, process.arch] });
  if (isStamped(STAMP, hash)) return;
  const locked = readText(LOCK_FILE);
  if (locked === undefined) throw new Advice('package-lock.json is missing: restore it from the repository.');
  const installed = readText(INSTALLED_FILE);
  if (installed !== undefined && isInstalled(JSON.parse(locked), JSON.parse(installed))) {
    writeStamp(STAMP, hash);
    return;
  }
  await withProgress('Node packages', async (note) =>
    runLogged({
      command: process.execPath,
      args: [findNpm(), 'ci', '--ignore-scripts', '--no-audit', '--no-fund'],
      cwd: ROOT,
      env: await npmEnv(),
      logFile: join(TOOLS, 'logs', 'npm.log'),
      note,
    }),
  );
  writeStamp(STAMP, hash);
}

/**
 * @typedef {{ version?: string, link?: boolean, optional?: boolean, os?: string[], cpu?: string[] }} LockEntry
 * @typedef {{ packages: Record<string, LockEntry> }} LockFile
 */

/**
 * Whether every package of the lock that this platform uses is installed in that version. A developer's own
 * `npm install` thus needs no second install here.
 * @param {LockFile} lock
 * @param {LockFile} installed npm's record of node_modules, written when an install is complete
 */
export function isInstalled(lock, installed) {
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path.startsWith('node_modules/') && fitsHere(entry))
    .every(([path, entry]) => {
      const found = installed.packages[path];
      if (found === undefined) return entry.optional === true && entry.os === undefined;
      return found.version === entry.version;
    });
}

/** @param {LockEntry} entry */
function fitsHere(entry) {
  const isGlibc = process.report !== undefined && 'glibcVersionRuntime' in (reportHeader() ?? {});
  const libc = 'libc' in entry && Array.isArray(entry.libc) ? entry.libc : undefined;
  if (libc !== undefined && !libc.includes(isGlibc ? 'glibc' : 'musl')) return false;
  return (entry.os?.includes(process.platform) ?? true) && (entry.cpu?.includes(process.arch) ?? true);
}

/** @type {object | undefined} */
let cachedHeader;

function reportHeader() {
  if (cachedHeader !== undefined) return cachedHeader;
  const report = process.report.getReport();
  if (typeof report === 'object' && report !== null && 'header' in report && typeof report.header === 'object') {
    cachedHeader = report.header ?? undefined;
  }
  return cachedHeader;
}

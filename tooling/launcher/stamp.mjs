import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Folders that are made from sources, never sources themselves. */
const DERIVED = new Set(['node_modules', '.next', 'dist', 'coverage', '__pycache__', 'test-results']);

/**
 * One hash over files, folders (walked) and plain values, independent of time and of where the tree lies.
 * @param {{ root: string, paths?: string[], values?: string[] }} inputs paths are absolute; missing ones count as absent
 * @returns {string} hex
 */
export function hashInputs({ root, paths = [], values = [] }) {
  const hash = createHash('sha256');
  for (const value of values) hash.update(`value ${value}\0`);
  for (const file of paths.flatMap(listFiles).sort()) {
    hash
      .update(`file ${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

/**
 * @param {string} path
 * @returns {string[]}
 */
function listFiles(path) {
  if (!existsSync(path)) return [];
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => !DERIVED.has(entry.name) && !entry.name.endsWith('.tsbuildinfo') && !isTest(entry.name))
      .filter((entry) => entry.isFile() || entry.isDirectory())
      .flatMap((entry) => listFiles(join(path, entry.name)));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return [path];
    throw error;
  }
}

/** Tests never reach a build, so changing one must not cause a rebuild. @param {string} name */
function isTest(name) {
  return /\.(test|spec)\.[a-z]+$/.test(name) || name === 'next-env.d.ts';
}

/**
 * @param {string} file
 * @param {string} hash
 */
export function isStamped(file, hash) {
  return existsSync(file) && readFileSync(file, 'utf8').trim() === hash;
}

/**
 * @param {string} file
 * @param {string} hash
 */
export function writeStamp(file, hash) {
  writeFileAtomic(file, `${hash}\n`);
}

/**
 * A reader sees the old content or the new one, never a half-written file.
 * @param {string} file
 * @param {string} content
 * @param {number} [mode]
 */
export function writeFileAtomic(file, content, mode = 0o644) {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, content, { mode });
  renameSync(temporary, file);
}

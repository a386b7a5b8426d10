import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Fails when a source file is longer than one idea should be. Tables, SQL, generated and test data are exempt. */

const LIMIT = 400;
const SOURCES = new Set(['.ts', '.tsx', '.mjs', '.cjs', '.js', '.py', '.sh', '.css']);
const SKIPPED = new Set(['node_modules', 'generated', 'fixtures', 'data', 'dist', 'coverage', '__pycache__']);

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * @param {string} folder
 * @returns {string[]}
 */
function listSources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith('.') || SKIPPED.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return listSources(path);
    return entry.isFile() && SOURCES.has(extname(entry.name)) ? [path] : [];
  });
}

const tooLong = listSources(root)
  .map((path) => ({ path: relative(root, path), lines: readFileSync(path, 'utf8').split('\n').length - 1 }))
  .filter(({ lines }) => lines > LIMIT);

for (const { path, lines } of tooLong) process.stderr.write(`${path}: ${lines} lines, at most ${LIMIT}\n`);
process.exitCode = tooLong.length > 0 ? 1 : 0;

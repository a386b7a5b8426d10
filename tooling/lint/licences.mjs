import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Fails when a package that ships with the studio has a licence that Apache-2.0 software cannot simply bring along. */

const ALLOWED = new Set([
  'MIT',
  'MIT-0',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  '0BSD',
  'CC0-1.0',
  'Unlicense',
  'BlueOak-1.0.0',
  'Python-2.0',
  'PostgreSQL',
  'OFL-1.1',
  'CC-BY-4.0',
]);

/** Each with the reason why it may come along all the same. */
const EXCEPTIONS = [
  { name: /^@img\/sharp-/, reason: 'LGPL library loaded at run time, optional in Next and left out of our server' },
  { name: /^geist$/, reason: 'OFL-1.1, spelled out in its package.json' },
  { name: /^(@axe-core\/playwright|axe-core)$/, reason: 'MPL-2.0, used unchanged and only by the tests' },
  { name: /^lightningcss/, reason: 'MPL-2.0 build tool, used unchanged' },
];

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * An SPDX expression holds when one of its alternatives holds in every part.
 * @param {string} expression
 * @returns {boolean}
 */
export function isAllowed(expression) {
  const plain = expression.replace(/[()]/g, ' ');
  return plain.split(/\sOR\s/).some((choice) => choice.split(/\sAND\s/).every((id) => ALLOWED.has(id.trim())));
}

/** @returns {string[]} one line per package that may not come along */
export function listViolations() {
  /** @type {{ packages: Record<string, { dev?: boolean, link?: boolean }> }} */
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path.startsWith('node_modules/') && !entry.dev && !entry.link)
    .flatMap(([path]) => {
      const file = join(root, path, 'package.json');
      if (!existsSync(file)) return [];
      const { name, version, license } = JSON.parse(readFileSync(file, 'utf8'));
      const expression = typeof license === 'string' ? license : (license?.type ?? 'none stated');
      const isExcused = EXCEPTIONS.some((exception) => exception.name.test(name));
      return isExcused || isAllowed(expression) ? [] : [`${name}@${version}: ${expression}`];
    });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const violations = listViolations();
  for (const line of violations) process.stderr.write(`${line}\n`);
  process.exitCode = violations.length > 0 ? 1 : 0;
}

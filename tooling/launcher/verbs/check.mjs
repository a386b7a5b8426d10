import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readText, runToCode } from '../command.mjs';
import { findNpm, npmEnv } from '../npm.mjs';
import { ROOT, TOOLS } from '../paths.mjs';
import { formatElapsed, say } from '../progress.mjs';
import { prepareTools } from '../setup/all.mjs';
import { PYTHON } from '../setup/python.mjs';
import { hashInputs } from '../stamp.mjs';

/**
 * @typedef {object} Check
 * @property {string} title
 * @property {string} command
 * @property {string[]} args
 * @property {string} [cwd]
 * @property {string[]} [unchanged] generated files and folders that the command must write as they are
 */

/** @param {string} name @param {...string} path */
const inPackage = (name, ...path) => join(ROOT, 'node_modules', name, ...path);
/** @param {string} title @param {string[]} args @returns {Check} */
const node = (title, args) => ({ title, command: process.execPath, args });
/** @param {string} title @param {string[]} args @returns {Check} */
const python = (title, args) => ({ title, command: PYTHON, args, cwd: join(ROOT, 'engine') });
/** @param {string} folder */
const types = (folder) => node(`types of ${folder}`, [inPackage('typescript', 'bin', 'tsc'), '-p', folder]);

/** @returns {Check[]} */
function listChecks() {
  const contracts = join(ROOT, 'packages', 'contracts', 'generated');
  const lease = join(ROOT, 'engine', 'studio_engine', 'lease', 'contract.py');
  return [
    node('format and lint', [inPackage('@biomejs/biome', 'bin', 'biome'), 'ci', '--colors=off', '.']),
    ...['packages/contracts', 'packages/client', 'packages/graph', 'apps/api', 'tests', 'tooling'].map(types),
    node('types of apps/web', [findNpm(), 'run', 'types', '-w', 'apps/web']),
    node('borders between modules', [
      inPackage('dependency-cruiser', 'bin', 'dependency-cruiser.mjs'),
      ...['--config', '.dependency-cruiser.cjs', 'packages', 'apps', 'tests'],
    ]),
    {
      ...node('generated contracts', [findNpm(), 'run', 'generate', '-w', 'packages/contracts']),
      unchanged: [contracts],
    },
    { ...python('generated lease models', ['scripts/generate_lease_contract.py']), unchanged: [lease] },
    node('file sizes', ['tooling/lint/file-sizes.mjs']),
    node('licences of dependencies', ['tooling/lint/licences.mjs']),
    python('Python lint', ['-m', 'ruff', 'check', '.']),
    python('Python format', ['-m', 'ruff', 'format', '--check', '.']),
    python('Python types', ['-m', 'mypy', '--strict']),
  ];
}

/**
 * Runs every check, also after one has failed: a person wants to see all there is to mend.
 * @returns {Promise<number>}
 */
export async function check() {
  await prepareTools({ verb: 'check', withDevTools: true, withWeb: false });
  const outcomes = [];
  for (const each of listChecks()) outcomes.push(await runCheck(each));
  const failed = outcomes.filter((isGood) => !isGood).length;
  say(`\n${outcomes.length - failed} checks in order${failed > 0 ? `, ${failed} not` : ''}`);
  return failed > 0 ? 1 : 0;
}

/**
 * @param {Check} item
 * @returns {Promise<boolean>}
 */
async function runCheck({ title, command, args, cwd = ROOT, unchanged = [] }) {
  const startedMs = Date.now();
  const logFile = join(TOOLS, 'logs', `check-${title.replace(/\W+/g, '-')}.log`);
  const before = hashInputs({ root: ROOT, paths: unchanged });
  const code = await runToCode({ command, args, cwd, env: await npmEnv(), logFile });
  const isStale =
    unchanged.some((path) => !existsSync(path)) || before !== hashInputs({ root: ROOT, paths: unchanged });
  const isGood = code === 0 && !isStale;
  say(`${isGood ? '✓' : '✗'} ${title}  ${formatElapsed(Date.now() - startedMs)}`);
  if (code !== 0) say((readText(logFile) ?? '').trimEnd());
  if (isStale) say('  The generated files did not match their source; they are written anew: commit them.');
  return isGood;
}

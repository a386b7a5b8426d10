import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readText, runVisible } from '../command.mjs';
import { printFailure } from '../failure.mjs';
import { homePaths, TOOLS } from '../paths.mjs';
import { anyPort } from '../ports.mjs';
import { formatElapsed, say } from '../progress.mjs';
import { prepareTools } from '../setup/all.mjs';
import { PYTHON } from '../setup/python.mjs';
import { openStudio } from '../studio.mjs';
import { ensureChromium } from '../testing/chromium.mjs';
import { openTestDatabase } from '../testing/database.mjs';
import { addCounts, formatCounts, judgeSuite } from '../testing/junit.mjs';
import { ALL_SUITES } from '../testing/suites.mjs';

/** @typedef {import('../testing/suites.mjs').Suite} Suite */

const KEPT_MS = 24 * 60 * 60 * 1000;

/**
 * Runs the suites one after the other and ends with the line `N passed, N failed`.
 * @param {Pick<import('../args.mjs').Options, 'only'>} options
 * @returns {Promise<number>}
 */
export async function test({ only }) {
  const suites = ALL_SUITES.filter((suite) => only === undefined || suite.name === only);
  const needs = new Set(suites.flatMap((suite) => suite.needs));
  const folder = makeRunFolder();
  await prepareTools({ verb: 'test', withDevTools: true, withWeb: needs.has('web') });
  const database = needs.has('database')
    ? await openTestDatabase(join(folder, 'database'), { isThrowAway: true })
    : undefined;
  const results = [];
  for (const suite of suites) results.push(await runSuite(suite, { folder, databaseUrl: database?.url }));
  await database?.stop();
  const total = addCounts(results);
  if (total.failed === 0) rmSync(folder, { recursive: true, force: true });
  else say(`\nLogs and reports: ${folder}`);
  say('');
  for (const [index, suite] of suites.entries()) say(`${suite.title.padEnd(24)}${describe(results[index])}`);
  say(`\n${formatCounts(total)}`);
  return total.failed > 0 ? 1 : 0;
}

/** @param {{ passed: number, failed: number, skipped: number, note?: string } | undefined} result */
function describe(result) {
  if (result === undefined) return '';
  return `${formatCounts(result)}${result.note === undefined ? '' : ` (${result.note})`}`;
}

/**
 * @param {Suite} suite
 * @param {{ folder: string, databaseUrl: string | undefined }} context
 */
async function runSuite(suite, { folder, databaseUrl }) {
  const startedMs = Date.now();
  say(`\n── ${suite.title} ──`);
  const report = join(folder, `${suite.name}.xml`);
  try {
    const extra = suite.needs.includes('studio') ? await openStudioUnderTest(join(folder, suite.name)) : undefined;
    const { command, args, cwd, env } = suite.command(report);
    const database = databaseUrl === undefined ? {} : { STUDIO_TEST_DATABASE_URL: databaseUrl };
    const common = { ...process.env, STUDIO_PYTHON: PYTHON, PYTHONDONTWRITEBYTECODE: '1' };
    const exitCode = await runVisible(command, args, { cwd, env: { ...common, ...database, ...env, ...extra?.env } });
    await extra?.stop();
    say(`── ${suite.title}: ${formatElapsed(Date.now() - startedMs)}`);
    return judgeSuite({ xml: readText(report), exitCode });
  } catch (error) {
    printFailure(error);
    return { passed: 0, failed: 1, skipped: 0, note: 'could not be run' };
  }
}

/**
 * A whole studio on a fresh home, as a stranger's first start makes it, and a browser to look at it.
 * @param {string} folder
 */
async function openStudioUnderTest(folder) {
  const chromium = await ensureChromium();
  const studio = await openStudio({
    home: homePaths(folder),
    host: '127.0.0.1',
    port: await anyPort(),
    isDev: false,
  });
  return {
    stop: studio.stop,
    env: { ...chromium.env, STUDIO_E2E_URL: studio.url, STUDIO_E2E_HOME: folder, STUDIO_CHROMIUM: chromium.executable },
  };
}

/** Each run has a folder of its own, so that two may run at once; those that failed are kept for a day. */
function makeRunFolder() {
  const parent = join(TOOLS, 'test');
  mkdirSync(parent, { recursive: true });
  for (const name of readdirSync(parent)) {
    const old = join(parent, name);
    if (Date.now() - statSync(old).mtimeMs > KEPT_MS) rmSync(old, { recursive: true, force: true });
  }
  const folder = mkdtempSync(join(parent, 'run-'));
  // The database may run under another account, which has to pass through.
  chmodSync(folder, 0o755);
  return folder;
}

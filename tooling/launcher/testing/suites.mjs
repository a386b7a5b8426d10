import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../paths.mjs';
import { PYTHON } from '../setup/python.mjs';

/**
 * @typedef {object} Suite
 * @property {import('../args.mjs').SuiteName} name
 * @property {string} title
 * @property {readonly ('database' | 'studio' | 'web')[]} needs
 * @property {(report: string) => { command: string, args: string[], cwd: string, env?: NodeJS.ProcessEnv }} command
 *   `report` is where the runner writes its results as JUnit XML
 */

/** @param {string} report @param {string[]} selection */
function vitest(report, selection) {
  const cli = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=junit', `--outputFile.junit=${report}`];
  return { command: process.execPath, args: [cli, 'run', ...reporters, ...selection], cwd: ROOT };
}

/** @type {readonly Suite[]} In the order they run: the quickest answers first. */
export const ALL_SUITES = [
  {
    name: 'unit',
    title: 'Packages, API and web',
    needs: ['database'],
    command: (report) => vitest(report, ['--project', '!chaos']),
  },
  {
    name: 'engine',
    title: 'Engine',
    needs: [],
    command: (report) => {
      const folders = ['tests', 'starter/tests'].filter((folder) => existsSync(join(ROOT, 'engine', folder)));
      const args = ['-m', 'pytest', ...folders, `--junit-xml=${report}`];
      return { command: PYTHON, args, cwd: join(ROOT, 'engine') };
    },
  },
  {
    name: 'launcher',
    title: 'Launcher',
    needs: ['web'],
    command: (report) => ({
      command: process.execPath,
      args: [
        '--test',
        '--test-reporter=spec',
        '--test-reporter-destination=stdout',
        '--test-reporter=junit',
        `--test-reporter-destination=${report}`,
        'tooling/**/*.test.mjs',
      ],
      cwd: ROOT,
    }),
  },
  {
    name: 'chaos',
    title: 'Crashes',
    needs: ['database'],
    command: (report) => vitest(report, ['--project', 'chaos']),
  },
  {
    name: 'e2e',
    title: 'End to end',
    needs: ['web', 'studio'],
    command: (report) => ({
      command: process.execPath,
      args: [
        join(ROOT, 'node_modules', '@playwright', 'test', 'cli.js'),
        'test',
        '--config=tests/e2e',
        '--reporter=list,junit',
      ],
      cwd: ROOT,
      env: {
        PLAYWRIGHT_JUNIT_OUTPUT_FILE: report,
        PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: '1',
      },
    }),
  },
];

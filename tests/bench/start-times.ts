import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort, repositoryDir, startProgram, waitFor } from '../harness/process.ts';
import type { Section } from './report.ts';

const pageTimeoutMs = 300_000;

const isPageUp = async (url: string): Promise<true | null> => {
  const response = await fetch(url).catch(() => null);
  // 503 is the page that says the studio is starting.
  return response?.ok ? true : null;
};

const timeOneStart = async (home: string): Promise<{ readonly startMs: number; readonly stopMs: number }> => {
  const port = await findFreePort();
  const startedMs = performance.now();
  const launcher = startProgram({
    command: process.execPath,
    args: ['tooling/launcher/main.mjs', 'start', '--home', home, '--port', String(port)],
    cwd: repositoryDir,
    env: {},
    logFile: join(home, 'bench-launcher.log'),
  });
  await waitFor('a usable page', pageTimeoutMs, () => isPageUp(`http://127.0.0.1:${port}/setup`));
  const startMs = performance.now() - startedMs;
  const stoppingMs = performance.now();
  await launcher.stop();
  return { startMs, stopMs: performance.now() - stoppingMs };
};

const formatSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** From the command to a page: on a fresh home with packages installed, and again on the same home. */
export const measureStartTimes = async (): Promise<Section> => {
  const home = mkdtempSync(join(tmpdir(), 'studio-bench-'));
  const first = await timeOneStart(home);
  const warm = [await timeOneStart(home), await timeOneStart(home)];
  rmSync(home, { recursive: true, force: true });
  const best = Math.min(...warm.map(({ startMs }) => startMs));
  return {
    title: 'Start',
    figures: [
      {
        name: 'first start',
        value: formatSeconds(first.startMs),
        ratio: '',
        note: 'packages and pages ready, new home: database made, schema migrated',
      },
      {
        name: 'warm start',
        value: formatSeconds(best),
        ratio: `${(best / first.startMs).toFixed(2)}× first`,
        note: 'same home, to a usable page',
      },
      {
        name: 'stop',
        value: formatSeconds(Math.max(...warm.map(({ stopMs }) => stopMs))),
        ratio: '',
        note: 'SIGTERM until every process has ended, worst of two',
      },
    ],
  };
};

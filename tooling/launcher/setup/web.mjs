import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runLogged } from '../command.mjs';
import { findNpm, npmEnv } from '../npm.mjs';
import { ROOT, TOOLS } from '../paths.mjs';
import { withProgress } from '../progress.mjs';
import { hashInputs, isStamped, writeStamp } from '../stamp.mjs';

const WEB = join(ROOT, 'apps', 'web');
const BUILD = join(WEB, '.next');
const STANDALONE = join(BUILD, 'standalone', 'apps', 'web');
const STAMP = join(BUILD, '.studio-stamp');

/** The server that the build makes. */
export const WEB_SERVER = join(STANDALONE, 'server.js');

/** Builds the web app where its sources, the packages it uses or their versions have changed. */
export async function ensureWeb() {
  const packages = ['contracts', 'client', 'graph'].map((name) => join(ROOT, 'packages', name));
  const paths = [WEB, ...packages, join(ROOT, 'tsconfig.base.json'), join(ROOT, 'package-lock.json')];
  const hash = hashInputs({ root: ROOT, paths, values: [process.versions.node] });
  if (isStamped(STAMP, hash) && existsSync(WEB_SERVER)) return;
  await withProgress('Web pages', async (note) => {
    rmSync(STAMP, { force: true });
    await runLogged({
      command: process.execPath,
      args: [findNpm(), 'run', 'build', '-w', 'apps/web'],
      cwd: ROOT,
      env: { ...(await npmEnv()), NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' },
      logFile: join(TOOLS, 'logs', 'web-build.log'),
      note,
    });
  });
  writeStamp(STAMP, hash);
}

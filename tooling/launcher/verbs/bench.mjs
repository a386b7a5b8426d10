import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runVisible } from '../command.mjs';
import { Advice } from '../failure.mjs';
import { homePaths, ROOT, TOOLS } from '../paths.mjs';
import { anyPort } from '../ports.mjs';
import { prepareTools } from '../setup/all.mjs';
import { PYTHON } from '../setup/python.mjs';
import { openStudio } from '../studio.mjs';
import { openTestDatabase } from '../testing/database.mjs';

/**
 * Runs the benchmarks against a studio on a fresh home.
 * @param {import('../args.mjs').Options} options
 * @returns {Promise<number>}
 */
export async function bench({ rest = [] }) {
  const script = join(ROOT, 'tests', 'bench', 'main.ts');
  if (!existsSync(script)) throw new Advice('tests/bench/main.ts is missing: restore it from the repository.');
  await prepareTools({ verb: 'bench', withDevTools: false, withWeb: true });
  const folder = join(TOOLS, 'bench', String(process.pid));
  const home = homePaths(join(folder, 'studio'));
  const database = await openTestDatabase(join(folder, 'database'), { isThrowAway: false });
  const studio = await openStudio({ home, host: '127.0.0.1', port: await anyPort(), isDev: false });
  const env = {
    ...process.env,
    STUDIO_BENCH_URL: studio.url,
    STUDIO_BENCH_HOME: home.home,
    STUDIO_BENCH_DATABASE_URL: studio.databaseUrl,
    STUDIO_TEST_DATABASE_URL: database.url,
    STUDIO_PYTHON: PYTHON,
  };
  const code = await runVisible(process.execPath, [script, ...rest], { cwd: ROOT, env });
  await studio.stop();
  await database.stop();
  rmSync(folder, { recursive: true, force: true });
  return code;
}

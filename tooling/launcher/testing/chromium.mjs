import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { capture, runToCode } from '../command.mjs';
import { Advice } from '../failure.mjs';
import { findNpm, npmEnv } from '../npm.mjs';
import { TOOLS } from '../paths.mjs';
import { withProgress } from '../progress.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const PACKAGE = '@sparticuz/chromium';
const PACKAGE_VERSION = '153.0.0';

/**
 * A Chromium for the end-to-end tests: an installed one, else the distribution's, else one from the npm registry.
 * @returns {Promise<{ executable: string, env: NodeJS.ProcessEnv }>}
 */
export async function ensureChromium() {
  const installed = process.env.STUDIO_CHROMIUM ?? findProgram(NAMES) ?? (await installFromDebian());
  if (installed !== undefined) return { executable: installed, env: {} };
  const packaged = await installFromNpm();
  if (packaged !== undefined) return packaged;
  throw new Advice(
    'The end-to-end tests need Chromium: install it (Debian: apt install chromium), or name one in STUDIO_CHROMIUM.',
    { logFile: logFile() },
  );
}

/**
 * @param {string[]} names
 * @returns {string | undefined}
 */
function findProgram(names) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function installFromDebian() {
  const apt = findProgram(['apt-get']);
  if (process.getuid?.() !== 0 || apt === undefined) return undefined;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await withProgress('Chromium from the distribution', async (note) => {
    await runToCode({ command: apt, args: ['update'], env, logFile: logFile(), note });
    const args = ['install', '--yes', '--no-install-recommends', 'chromium', 'fonts-liberation'];
    await runToCode({ command: apt, args, env, logFile: logFile(), mode: 'a', note });
  });
  return findProgram(NAMES);
}

/** The package's browser brings the libraries that a bare machine lacks, beside the program it unpacks. */
async function installFromNpm() {
  const folder = join(TOOLS, `chromium-${PACKAGE_VERSION}`);
  const entry = join(folder, 'node_modules', PACKAGE, 'build', 'index.js');
  if (!existsSync(entry)) {
    const args = [findNpm(), 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder];
    const specifier = `${PACKAGE}@${PACKAGE_VERSION}`;
    await withProgress('Chromium from the npm registry', async (note) =>
      runToCode({
        command: process.execPath,
        args: [...args, specifier],
        env: await npmEnv(),
        logFile: logFile(),
        mode: 'a',
        note,
      }),
    );
  }
  if (!existsSync(entry)) return undefined;
  const unpacked = join(folder, 'unpacked');
  mkdirSync(unpacked, { recursive: true });
  const script = `
    // Unpack the libraries as well, which the package takes for needed on one host only; keep all in our own folder.
    Object.assign(process.env, { AWS_LAMBDA_JS_RUNTIME: 'nodejs22.x', TMPDIR: ${JSON.stringify(unpacked)} });
    const { default: chromium } = await import(${JSON.stringify(pathToFileURL(entry).href)});
    console.log(JSON.stringify([await chromium.executablePath(), process.env.LD_LIBRARY_PATH ?? '']));`;
  const answer = await capture(process.execPath, ['--input-type=module', '--eval', script]);
  const [executable, libraries] = JSON.parse(answer ?? '[]');
  if (typeof executable !== 'string') return undefined;
  const env = { LD_LIBRARY_PATH: String(libraries) };
  return (await showsPage(executable, env)) ? { executable, env } : undefined;
}

/**
 * @param {string} executable
 * @param {NodeJS.ProcessEnv} extra
 */
async function showsPage(executable, extra) {
  const script = fileURLToPath(new URL('try-browser.mjs', import.meta.url));
  const env = { ...process.env, ...extra };
  const args = [script, executable];
  return (await runToCode({ command: process.execPath, args, env, logFile: logFile(), mode: 'a' })) === 0;
}

function logFile() {
  return join(TOOLS, 'logs', 'chromium.log');
}

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { capture, runLogged } from '../command.mjs';
import { Advice } from '../failure.mjs';
import { ROOT, TOOLS } from '../paths.mjs';
import { withProgress } from '../progress.mjs';
import { hashInputs, isStamped, writeStamp } from '../stamp.mjs';

const ENVIRONMENT = join(TOOLS, 'python');
const ENGINE = join(ROOT, 'engine');
const OLDEST_MINOR = 11;
const CANDIDATES = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python'];
const PIP = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--progress-bar', 'off'];

/** The interpreter of the studio's own environment. */
export const PYTHON = join(ENVIRONMENT, 'bin', 'python');

/**
 * The engine's Python environment. Each part is stamped, so an interrupted install goes on with the part it was in.
 * @param {{ withDevTools: boolean }} options
 */
export async function ensurePython({ withDevTools }) {
  await ensureEnvironment();
  await ensureRequirements('requirements.txt', { title: 'Python packages', flags: ['--require-hashes', '--no-deps'] });
  await ensureTorch();
  if (withDevTools) await ensureRequirements('requirements-dev.txt', { title: 'Python test tools', flags: [] });
}

/** @returns {boolean} whether the machine has an NVIDIA GPU with a driver */
export function hasNvidiaGpu() {
  return existsSync('/proc/driver/nvidia/version') || existsSync('/dev/nvidia0');
}

async function ensureEnvironment() {
  const stamp = join(ENVIRONMENT, '.stamp-environment');
  const hash = hashInputs({ root: ROOT, values: ['venv'] });
  if (isStamped(stamp, hash) && isNewEnough((await pythonVersion(PYTHON)) ?? '0')) return;
  const { command, version } = await findPython();
  await withProgress(`Python ${version} environment`, async (note) => {
    rmSync(ENVIRONMENT, { recursive: true, force: true });
    await runLogged({ command, args: ['-m', 'venv', ENVIRONMENT], logFile: logFile('venv'), note });
    writeStamp(stamp, hash);
  });
}

/**
 * @param {string} command
 * @returns {Promise<string | undefined>} undefined when it does not run
 */
function pythonVersion(command) {
  return capture(command, ['-c', 'import sys; print("%d.%d.%d" % sys.version_info[:3])']);
}

/** @returns {Promise<{ command: string, version: string }>} */
async function findPython() {
  let found;
  for (const command of CANDIDATES) {
    const version = await pythonVersion(command);
    if (version === undefined) continue;
    found = version;
    if (!isNewEnough(version)) continue;
    if ((await capture(command, ['-c', 'import ensurepip, venv'])) !== undefined) return { command, version };
    throw new Advice(
      `Python ${version} lacks its venv module: install it (Debian: apt install python3-venv) and run this again.`,
    );
  }
  const seen = found === undefined ? 'Python was not found' : `Python ${found} is too old`;
  throw new Advice(
    `${seen}: install Python 3.${OLDEST_MINOR} or newer (Debian: apt install python3 python3-venv) and run this again.`,
  );
}

/** @param {string} version such as 3.11.7 */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major === 3 && minor >= OLDEST_MINOR;
}

/**
 * @param {string} file in the engine's folder
 * @param {{ title: string, flags: string[] }} options
 */
async function ensureRequirements(file, { title, flags }) {
  const path = join(ENGINE, file);
  const stamp = join(ENVIRONMENT, `.stamp-${file}`);
  const hash = hashInputs({ root: ROOT, paths: [path], values: flags });
  if (isStamped(stamp, hash)) return;
  await withProgress(title, (note) =>
    runLogged({
      command: PYTHON,
      args: [...PIP, ...flags, '-r', path],
      logFile: logFile(file.replace('.txt', '')),
      note,
    }),
  );
  writeStamp(stamp, hash);
}

/** PyTorch is apart, because the right build depends on the machine: hashes of one build would refuse the other. */
async function ensureTorch() {
  const path = join(ENGINE, 'requirements-torch.txt');
  const hasGpu = hasNvidiaGpu();
  const index = process.env.STUDIO_TORCH_INDEX_URL;
  const requirements = torchRequirements(readFileSync(path, 'utf8'), hasGpu);
  const stamp = join(ENVIRONMENT, '.stamp-torch');
  const hash = hashInputs({ root: ROOT, values: [...requirements, index ?? ''] });
  if (isStamped(stamp, hash)) return;
  const from = index === undefined ? [] : ['--index-url', index];
  await withProgress(hasGpu ? 'PyTorch for the NVIDIA GPU' : 'PyTorch', async (note) => {
    await runLogged({ command: PYTHON, args: [...PIP, ...from, ...requirements], logFile: logFile('torch'), note });
    await runLogged({ command: PYTHON, args: ['-c', 'import torch'], logFile: logFile('torch'), mode: 'a', note });
  });
  writeStamp(stamp, hash);
}

/**
 * `==2.13.0` also takes a `2.13.0+cpu` that a pip source offers, and prefers it. With a GPU only the plain build
 * will do, which `===` names exactly.
 * @param {string} content of the requirements file
 * @param {boolean} hasGpu
 */
export function torchRequirements(content, hasGpu) {
  return content
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('-'))
    .map((line) => (hasGpu ? line.replace(/(?<!=)==(?!=)/, '===') : line));
}

/** @param {string} name */
function logFile(name) {
  return join(TOOLS, 'logs', `${name}.log`);
}

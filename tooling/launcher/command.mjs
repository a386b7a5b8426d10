import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { ended, spawnOwned } from './children.mjs';
import { Advice, explainOutput, lastLines } from './failure.mjs';

const NOTE_MS = 500;
const NOTE_LENGTH = 70;

/**
 * @typedef {object} LoggedCommand
 * @property {string} command
 * @property {readonly string[]} args
 * @property {string} logFile
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {number} [uid]
 * @property {number} [gid]
 * @property {string} [input] what the command reads on its standard input
 * @property {'a' | 'w'} [mode] whether the log goes on or begins anew
 * @property {(text: string) => void} [note] gets the newest log line while the command runs
 */

/**
 * Runs a command with its output in a log file; fails with advice that names the log.
 * @param {LoggedCommand} request
 */
export async function runLogged(request) {
  const code = await runToCode(request);
  if (code === 0) return;
  const tail = lastLines(request.logFile, 40);
  const advice = explainOutput(tail) ?? `${nameOf(request)} failed (exit ${code}); its log tells why.`;
  throw new Advice(advice, { logFile: request.logFile });
}

/**
 * The program as a person knows it: `pip install`, not the interpreter that runs it.
 * @param {{ command: string, args: readonly string[] }} request
 */
function nameOf({ command, args }) {
  const words = [command, ...args]
    .map((word) => basename(word).replace('npm-cli.js', 'npm'))
    .filter((word) => !word.startsWith('-'));
  return words
    .slice(words.length > 1 && /^(node|python)/.test(words[0] ?? '') ? 1 : 0)
    .slice(0, 2)
    .join(' ');
}

/**
 * @param {LoggedCommand} request
 * @returns {Promise<number>} the exit code; a signal counts as 1
 */
export async function runToCode({ command, args, logFile, cwd, env, uid, gid, input, mode = 'w', note }) {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, mode);
  const timer = note && setInterval(() => note(lastLines(logFile, 1).trim().slice(0, NOTE_LENGTH)), NOTE_MS);
  try {
    const child = spawnOwned(command, args, {
      stdio: [input === undefined ? 'ignore' : 'pipe', log, log],
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
    if (input !== undefined) child.stdin?.on('error', () => {}).end(input);
    const { code } = await ended(child);
    return code ?? 1;
  } finally {
    closeSync(log);
    clearInterval(timer);
  }
}

/**
 * Runs a command with the terminal's own output, and answers its exit code.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export async function runVisible(command, args, options = {}) {
  const { code } = await ended(spawnOwned(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options }));
  return code ?? 1;
}

/**
 * Runs a short command and returns what it printed, undefined when it cannot run or fails.
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<string | undefined>}
 */
export async function capture(command, args) {
  const child = spawnOwned(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += String(chunk);
  });
  try {
    const closed = new Promise((resolve) => child.once('close', resolve));
    const { code } = await ended(child);
    await closed;
    return code === 0 ? output.trim() : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} file */
export function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

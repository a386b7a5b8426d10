import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A folder that the database's account may pass through. */
export function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'studio-test-'));
  chmodSync(folder, 0o755);
  return folder;
}

/** @param {string} folder */
export function removeFolder(folder) {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * The same, removed with the test.
 * @param {import('node:test').TestContext} context
 */
export function temporaryFolder(context) {
  const folder = makeFolder();
  context.after(() => removeFolder(folder));
  return folder;
}

/**
 * @param {string} what
 * @param {() => boolean | Promise<boolean>} holds
 * @param {number} [limitMs]
 */
export async function eventually(what, holds, limitMs = 15_000) {
  const deadline = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`Waited ${limitMs} ms in vain: ${what}.`);
    await delay(20);
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 */
export function launchProcess(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += String(chunk);
    });
  }
  const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  return { child, exited, output: () => output };
}

/**
 * The same, killed with the test.
 * @param {import('node:test').TestContext} context
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 */
export function startProcess(context, command, args, options = {}) {
  const launched = launchProcess(command, args, options);
  context.after(() => {
    const { child } = launched;
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  });
  return launched;
}

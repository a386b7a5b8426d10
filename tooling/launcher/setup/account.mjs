import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readText } from '../command.mjs';
import { Advice } from '../failure.mjs';

/** PostgreSQL refuses to run as root, so root's launcher lends it an account that already exists. */

/** @typedef {{ uid: number, gid: number }} Account */

const NAMES = ['postgres', 'nobody'];
const SYSTEM_FOLDER = '/var/lib/ai-studio';

/**
 * @returns {Account | undefined} undefined when the launcher's own user will do
 */
export function databaseAccount() {
  if (process.getuid?.() !== 0) return undefined;
  const account = findAccount(readText('/etc/passwd') ?? '');
  if (account === undefined) {
    throw new Advice(
      'PostgreSQL does not run as root and there is no user "postgres" or "nobody": start the studio as a normal user.',
    );
  }
  return account;
}

/**
 * @param {string} passwd the content of /etc/passwd
 * @returns {Account | undefined}
 */
export function findAccount(passwd) {
  for (const name of NAMES) {
    const fields = passwd
      .split('\n')
      .map((line) => line.split(':'))
      .find((line) => line[0] === name);
    const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
    if (fields !== undefined && uid > 0 && gid > 0) return { uid, gid };
  }
  return undefined;
}

/**
 * A folder where the account can work: the wished one, or one below /var/lib where a parent of the wished one is
 * closed to other users (a checkout in root's home).
 * @param {string} wished
 * @param {Account | undefined} account
 */
export function reachableFolder(wished, account) {
  mkdirSync(wished, { recursive: true });
  if (account === undefined) return wished;
  if (canReach(dirname(resolve(wished)), account)) {
    chmodSync(wished, statSync(wished).mode | 0o111);
    return wished;
  }
  const name = createHash('sha256').update(resolve(wished)).digest('hex').slice(0, 12);
  const folder = join(SYSTEM_FOLDER, name);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  return folder;
}

/**
 * @param {string} folder
 * @param {Account} account
 * @returns {boolean}
 */
export function canReach(folder, account) {
  const { mode, uid, gid } = statSync(folder);
  const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
  const parent = dirname(folder);
  return (mode & bit) !== 0 && (parent === folder || canReach(parent, account));
}

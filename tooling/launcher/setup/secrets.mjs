import { randomBytes } from 'node:crypto';
import { readText } from '../command.mjs';
import { Advice } from '../failure.mjs';
import { writeFileAtomic } from '../stamp.mjs';

const SECRET_BYTES = 32;
const NAMES = /** @type {const} */ (['appSecret', 'engineToken', 'databasePassword', 'superuserPassword']);

/** @typedef {Record<(typeof NAMES)[number], string>} Secrets */

/**
 * The secrets of one studio, made once. Losing them would lose the database password and every sealed key.
 * @param {string} file
 * @returns {Secrets}
 */
export function ensureSecrets(file) {
  const text = readText(file);
  if (text !== undefined) return parseSecrets(text, file);
  const make = () => randomBytes(SECRET_BYTES).toString('hex');
  const secrets = { appSecret: make(), engineToken: make(), databasePassword: make(), superuserPassword: make() };
  writeFileAtomic(file, `${JSON.stringify(secrets, null, 2)}\n`, 0o600);
  return secrets;
}

/**
 * @param {string} text
 * @param {string} file
 * @returns {Secrets}
 */
function parseSecrets(text, file) {
  const advice = new Advice(
    `${file} is damaged: restore it from a backup, or move the studio's folder away to begin anew.`,
  );
  let parsed;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw advice;
  }
  if (NAMES.some((name) => typeof parsed?.[name] !== 'string')) throw advice;
  return parsed;
}

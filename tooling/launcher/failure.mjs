import { readFileSync } from 'node:fs';

/** A failure whose message already tells the person what to do. Printed as it is, without a stack. */
export class Advice extends Error {
  /**
   * @param {string} message one sentence that says what to do
   * @param {{ logFile?: string, cause?: unknown }} [details]
   */
  constructor(message, details = {}) {
    super(message, { cause: details.cause });
    this.name = 'Advice';
    this.logFile = details.logFile;
  }
}

/** Each rule: what tools print, and the one sentence a person needs. First match wins. */
const RULES = [
  {
    pattern: /ENOSPC|no space left on device|disk quota exceeded|EDQUOT/i,
    advice: 'The disk is full: free some space (about 4 GB for a first start) and run the same command again.',
  },
  {
    pattern:
      /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|ENETUNREACH|network is unreachable|Max retries exceeded|NewConnectionError|Temporary failure in name resolution|Read timed out/i,
    advice:
      'A package registry could not be reached: check the network or the proxy settings and run the same command again; it goes on where it stopped.',
  },
  {
    pattern: /E404|ETARGET|No matching distribution found|Could not find a version that satisfies/i,
    advice: 'The package registry does not offer a version this release needs: check which registry npm and pip use.',
  },
  {
    pattern: /do not match the hashes|EINTEGRITY|THESE PACKAGES DO NOT MATCH/i,
    advice: 'A downloaded package is not the one that was pinned: clear the npm and pip caches, or check the registry.',
  },
  {
    pattern: /EACCES|EPERM|EROFS|permission denied|read-only file system/i,
    advice: 'A file could not be written: run as the user who owns this folder, or correct its permissions.',
  },
];

/**
 * The sentence for what a tool printed, or undefined when nothing is known about it.
 * @param {string} output
 * @returns {string | undefined}
 */
export function explainOutput(output) {
  return RULES.find((rule) => rule.pattern.test(output))?.advice;
}

/**
 * The last lines of a log, for printing under a failure.
 * @param {string} file
 * @param {number} [lines]
 */
export function lastLines(file, lines = 15) {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}

/**
 * Prints a failure for a person: the sentence, the end of the log, where the log is.
 * @param {unknown} error
 */
export function printFailure(error) {
  const isAdvice = error instanceof Advice;
  const text = error instanceof Error ? error.message : String(error);
  const known = isAdvice ? undefined : explainOutput(error instanceof Error ? `${error.name} ${text}` : text);
  process.stderr.write(`\n✗ ${known ?? text}\n`);
  if (known !== undefined) process.stderr.write(`  (${text})\n`);
  if (!isAdvice && known === undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  if (isAdvice && error.logFile !== undefined) {
    process.stderr.write(`${indent(lastLines(error.logFile))}\n  Whole log: ${error.logFile}\n`);
  }
}

/** @param {string} text */
function indent(text) {
  return text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}

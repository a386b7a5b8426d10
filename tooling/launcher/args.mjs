import { parseArgs } from 'node:util';
import { Advice } from './failure.mjs';

/**
 * @typedef {object} Options
 * @property {number} port
 * @property {string} host
 * @property {string} [home]
 * @property {string} [only]
 * @property {string[]} [rest]
 */

export const VERBS = /** @type {const} */ (['start', 'dev', 'test', 'check', 'bench', 'e2e']);
/** @typedef {(typeof VERBS)[number]} Verb */

export const SUITES = /** @type {const} */ (['unit', 'engine', 'launcher', 'chaos', 'e2e']);
/** @typedef {(typeof SUITES)[number]} SuiteName */

const SERVE_HELP = `Options:
  --port N     public port; the next free one is taken when it is in use (default 8188, or STUDIO_PORT)
  --host H     address to listen on; 0.0.0.0 lets other machines in (default 127.0.0.1, or STUDIO_HOST)
  --home DIR   where the studio keeps its database, pictures and logs (default .studio, or STUDIO_HOME)
  --help       this text

Environment:
  STUDIO_DATABASE_URL     use this PostgreSQL instead of the one that comes along
  STUDIO_TORCH_INDEX_URL  package index to install PyTorch from, for example one with CPU-only builds
  STUDIO_MODELS_DIR       folder with checkpoints/, loras/, vae/, … (default <home>/models)`;

/** @type {Record<Verb, string>} */
const HELP = {
  start: `npm start -- [options]\n\nSets everything up and runs the studio until Ctrl-C.\n\n${SERVE_HELP}`,
  dev: `npm run dev -- [options]\n\nRuns the studio from the sources and follows changes to them.\n\n${SERVE_HELP}`,
  test: `npm test -- [options]

Sets everything up and runs every test.

Options:
  --only SUITE  one suite: ${SUITES.join(', ')}
  --help        this text`,
  check: `npm run check

Checks format, lint, types, borders between modules, generated files, Python and file sizes.`,
  bench: `npm run bench -- [options]

Runs the benchmarks against a studio of their own.

Options:
  --only NAME  one of them
  --write      put the figures into docs/benchmarks.md
  --help       this text`,
  e2e: `npm run e2e

Runs the end-to-end tests in a browser against a studio of their own.`,
};

/** @param {Verb} verb */
export function helpFor(verb) {
  return HELP[verb];
}

/**
 * @param {string[]} argv what follows the script's name
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ verb: Verb, help: boolean, options: Options }}
 */
export function readArguments(argv, env) {
  const [first, ...rest] = argv;
  const verb = VERBS.find((known) => known === first);
  if (verb === undefined) throw new Advice(`Say what to run: ${VERBS.map((name) => `npm run ${name}`).join(', ')}.`);
  const { values, positionals } = verb === 'bench' ? passOn(rest) : parse(rest);
  const port = readPort(values.port ?? env.STUDIO_PORT ?? '8188');
  const host = values.host ?? env.STUDIO_HOST ?? '127.0.0.1';
  const home = values.home === undefined ? {} : { home: values.home };
  const only = values.only === undefined ? {} : { only: readSuite(values.only) };
  return { verb, help: values.help === true, options: { port, host, ...home, ...only, rest: positionals } };
}

/**
 * The benchmarks read their own options.
 * @param {string[]} args
 * @returns {ReturnType<typeof parse>}
 */
function passOn(args) {
  return { values: { help: args.includes('--help') }, positionals: args };
}

/**
 * @param {string[]} args
 * @returns {{ values: { port?: string, host?: string, home?: string, only?: string, help?: boolean },
 *   positionals: string[] }}
 */
function parse(args) {
  try {
    return parseArgs({
      args,
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        home: { type: 'string' },
        only: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('.')[0] : String(error);
    throw new Advice(`${reason}; see --help for the options.`);
  }
}

/** @param {string} text */
function readPort(text) {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
    throw new Advice(`--port takes a number from 1 to 65535, not "${text}".`);
  }
  return port;
}

/** @param {string} text */
function readSuite(text) {
  const suite = SUITES.find((name) => name === text);
  if (suite === undefined) throw new Advice(`--only takes one of ${SUITES.join(', ')}, not "${text}".`);
  return suite;
}

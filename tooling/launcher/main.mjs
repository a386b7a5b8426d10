import { helpFor, readArguments } from './args.mjs';
import { printFailure } from './failure.mjs';
import { continueInPrivateNode, needsPrivateNode } from './setup/node.mjs';
import { shutDown, watchSignals } from './shutdown.mjs';

/** @type {Record<import('./args.mjs').Verb, (options: import('./args.mjs').Options) => Promise<number>>} */
const RUN = {
  start: async (options) => (await import('./verbs/start.mjs')).start(options),
  dev: async (options) => (await import('./verbs/dev.mjs')).dev(options),
  test: async (options) => (await import('./verbs/test.mjs')).test(options),
  check: async () => (await import('./verbs/check.mjs')).check(),
  bench: async (options) => (await import('./verbs/bench.mjs')).bench(options),
  e2e: async () => (await import('./verbs/test.mjs')).test({ only: 'e2e' }),
};

async function main() {
  const { verb, help, options } = readArguments(process.argv.slice(2), process.env);
  if (help) {
    process.stdout.write(`${helpFor(verb)}\n`);
    return 0;
  }
  watchSignals();
  if (needsPrivateNode(process.versions.node)) return continueInPrivateNode();
  return RUN[verb](options);
}

try {
  await shutDown(await main());
} catch (error) {
  printFailure(error);
  await shutDown(1);
}

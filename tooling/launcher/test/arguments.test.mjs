import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helpFor, readArguments, VERBS } from '../args.mjs';
import { Advice } from '../failure.mjs';

test('what is left out comes from the environment, then from the defaults', () => {
  assert.deepEqual(readArguments(['start'], {}).options, { port: 8188, host: '127.0.0.1', rest: [] });
  const env = { STUDIO_PORT: '9000', STUDIO_HOST: '0.0.0.0' };
  assert.deepEqual(readArguments(['start'], env).options, { port: 9000, host: '0.0.0.0', rest: [] });
  assert.equal(readArguments(['start', '--port', '9100'], env).options.port, 9100);
});

test('every verb has help that names its command', () => {
  for (const verb of VERBS) {
    assert.equal(readArguments([verb, '--help'], {}).help, true);
    assert.match(helpFor(verb), /^npm /);
  }
});

test('a suite and a home can be named', () => {
  assert.equal(readArguments(['test', '--only', 'engine'], {}).options.only, 'engine');
  assert.equal(readArguments(['start', '--home=/srv/studio'], {}).options.home, '/srv/studio');
});

test('the benchmarks get their options as they are', () => {
  assert.deepEqual(readArguments(['bench', '--only', 'tax', '--write'], {}).options.rest, ['--only', 'tax', '--write']);
});

for (const argv of [[], ['serve'], ['start', '--prot=1'], ['start', 'now'], ['test', '--only', 'all']]) {
  test(`"${argv.join(' ')}" is refused with advice`, () => {
    assert.throws(() => readArguments(argv, {}), Advice);
  });
}

for (const port of ['0', '65536', '80a', '-1', '']) {
  test(`port "${port}" is refused with advice`, () => {
    assert.throws(() => readArguments(['start', `--port=${port}`], {}), Advice);
  });
}

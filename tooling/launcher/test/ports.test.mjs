import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { anyPort, choosePort, probePort } from '../ports.mjs';

/** @param {import('node:test').TestContext} context @param {number} port */
async function occupy(context, port) {
  const server = createServer();
  await new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(undefined)));
  context.after(() => server.close());
}

test('a free port is taken as wished', async () => {
  const port = await anyPort();
  assert.equal(await choosePort(port, '127.0.0.1'), port);
});

test('a taken port gives way to a later one that is free', async (context) => {
  const port = await anyPort();
  await occupy(context, port);
  assert.equal(await probePort(port, '127.0.0.1'), undefined);
  assert.ok((await choosePort(port, '127.0.0.1')) > port);
});

test('an address that is not this machine is an error, not a taken port', async () => {
  await assert.rejects(choosePort(8188, '192.0.2.1'));
});

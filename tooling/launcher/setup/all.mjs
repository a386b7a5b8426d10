import { join } from 'node:path';
import { waitForLock } from '../lock.mjs';
import { TOOLS } from '../paths.mjs';
import { say } from '../progress.mjs';
import { ensurePackages } from './packages.mjs';
import { ensurePython } from './python.mjs';
import { ensureWeb } from './web.mjs';

/**
 * Everything that belongs to the checkout. Python and Node steps run side by side: one waits for the network or the
 * disk while the other computes.
 * @param {{ verb: string, withDevTools: boolean, withWeb: boolean }} options
 */
export async function prepareTools({ verb, withDevTools, withWeb }) {
  const lock = await waitForLock(join(TOOLS, 'setup.lock'), {
    verb,
    onWait: (holder) => say(`… another launch (process ${holder.pid}) is setting up; waiting for it.`),
  });
  try {
    const node = ensurePackages().then(() => (withWeb ? ensureWeb() : undefined));
    await allOrFirstFailure([node, ensurePython({ withDevTools })]);
  } finally {
    lock.release();
  }
}

/**
 * Like Promise.all, but lets the other step come to its end first: it is stamped then and not done twice.
 * @param {Promise<unknown>[]} steps
 */
async function allOrFirstFailure(steps) {
  const outcomes = await Promise.allSettled(steps);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

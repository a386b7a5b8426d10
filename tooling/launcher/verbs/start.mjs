import { Advice } from '../failure.mjs';
import { resolveHome } from '../paths.mjs';
import { formatElapsed, say } from '../progress.mjs';
import { prepareTools } from '../setup/all.mjs';
import { onShutdown } from '../shutdown.mjs';
import { claimHome, openStudio } from '../studio.mjs';

/**
 * Sets up, runs the studio and stays until a signal or a process that cannot be kept alive.
 * @param {import('../args.mjs').Options} options
 * @returns {Promise<number>}
 */
export function start(options) {
  return serve(options, { verb: 'start', isDev: false });
}

/**
 * @param {import('../args.mjs').Options} options
 * @param {{ verb: 'start' | 'dev', isDev: boolean }} mode
 * @returns {Promise<number>}
 */
export async function serve({ home: homeOption, host, port }, { verb, isDev }) {
  const startedMs = Date.now();
  const home = resolveHome(homeOption);
  const claim = claimHome(home, verb);
  if ('alreadyAt' in claim) {
    say(`The studio is already running at ${claim.alreadyAt}`);
    return 0;
  }
  onShutdown(claim.lock.release);
  await prepareTools({ verb, withDevTools: false, withWeb: !isDev });
  const studio = await openStudio({ home, host, port, isDev });
  claim.lock.update({ url: studio.url });
  say(`\nThe studio is ready at ${studio.url}  (${formatElapsed(Date.now() - startedMs)})`);
  say(`Logs: ${home.logs}   Stop: Ctrl-C`);
  const failed = await studio.failed;
  throw new Advice(`The ${failed.name} process keeps ending, so the studio stops.`, { logFile: failed.logFile });
}

import { mkdirSync } from 'node:fs';
import { Advice } from './failure.mjs';
import { tryLock } from './lock.mjs';
import { anyPort, choosePort } from './ports.mjs';
import { say, withProgress } from './progress.mjs';
import { endLeftovers } from './services/pid-files.mjs';
import { postgresReady, postgresService, postgresUrl } from './services/postgres.mjs';
import { answers } from './services/ready.mjs';
import { apiService, apiUrl, engineServices, webService } from './services/services.mjs';
import { supervise } from './services/supervise.mjs';
import { ensureCluster } from './setup/postgres.mjs';
import { ensureSecrets } from './setup/secrets.mjs';
import { onShutdown } from './shutdown.mjs';

/**
 * @typedef {object} Studio
 * @property {string} url
 * @property {string} databaseUrl
 * @property {Promise<import('./services/supervise.mjs').Supervised>} failed the first process that cannot be kept alive
 * @property {() => Promise<void>} stop
 */

/**
 * Takes the studio's lock and starts its processes; resolves when a page can be used. The engine may still be loading.
 * @param {{ home: import('./paths.mjs').HomePaths, host: string, port: number, isDev: boolean }} request
 * @returns {Promise<Studio>}
 */
export async function openStudio({ home, host, port, isDev }) {
  for (const folder of [home.data, home.logs, home.run, home.models, home.spool])
    mkdirSync(folder, { recursive: true });
  const leftovers = await endLeftovers(home.run);
  if (leftovers.length > 0) say(`! Ended what an earlier launch had left running: ${leftovers.join(', ')}.`);
  const secrets = ensureSecrets(home.secrets);
  /** @type {import('./services/supervise.mjs').Supervised[]} */
  const running = [];
  const start = (/** @type {import('./services/supervise.mjs').Service} */ service) => {
    const supervised = supervise(service, home);
    running.push(supervised);
    return supervised;
  };
  const stop = () => stopInOrder(running);
  onShutdown(stop);
  try {
    const webPort = await anyPort();
    const chosen = await choosePort(port, host);
    if (chosen !== port) say(`! Port ${port} is taken; using ${chosen}.`);
    const databaseUrl = process.env.STUDIO_DATABASE_URL ?? (await startDatabase({ home, secrets, start }));
    const plan = { home, secrets, databaseUrl, host, port: chosen, webPort, isDev };
    const web = start(webService(plan));
    const api = start(apiService(plan));
    const engines = engineServices(plan).map(start);
    const url = apiUrl(plan);
    await withProgress('Studio', () =>
      Promise.all([answers(`${url}/api/ready`, api), answers(`http://127.0.0.1:${webPort}/`, web)]),
    );
    const essential = running.filter((supervised) => !engines.includes(supervised));
    return { url, databaseUrl, failed: Promise.race(essential.map((each) => each.failed.then(() => each))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * @param {{ home: import('./paths.mjs').HomePaths, secrets: import('./setup/secrets.mjs').Secrets,
 *   start: (service: import('./services/supervise.mjs').Service) => import('./services/supervise.mjs').Supervised }} request
 */
async function startDatabase({ home, secrets, start }) {
  const role = { name: 'studio', password: secrets.databasePassword, canCreateDatabases: false };
  const { superuserPassword } = secrets;
  const cluster = await ensureCluster({ home: home.home, logs: home.logs, superuserPassword, role });
  await postgresReady(cluster.data, start(postgresService(cluster, { isThrowAway: false })));
  return postgresUrl(cluster, role);
}

/**
 * Those who ask stop before those who answer, and the database last.
 * @param {import('./services/supervise.mjs').Supervised[]} running
 */
async function stopInOrder(running) {
  const isDatabase = (/** @type {{ name: string }} */ { name }) => name === 'postgres';
  await Promise.all(running.filter((each) => !isDatabase(each)).map((each) => each.stop()));
  await Promise.all(running.filter(isDatabase).map((each) => each.stop()));
}

/**
 * Takes the home for this launch; a studio that already runs there is not an error to the one who asks for it twice.
 * @param {import('./paths.mjs').HomePaths} home
 * @param {string} verb
 * @returns {{ lock: import('./lock.mjs').Lock } | { alreadyAt: string }}
 */
export function claimHome(home, verb) {
  const outcome = tryLock(home.lock, verb);
  if ('lock' in outcome) return outcome;
  const { holder } = outcome;
  if (holder.url !== undefined) return { alreadyAt: holder.url };
  throw new Advice(
    `The studio in ${home.home} is already starting (process ${holder.pid}): wait for it, or stop that process.`,
  );
}

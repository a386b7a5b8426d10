import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { homePaths } from '../paths.mjs';
import { postgresReady, postgresService, postgresUrl } from '../services/postgres.mjs';
import { supervise } from '../services/supervise.mjs';
import { ensureCluster } from '../setup/postgres.mjs';
import { onShutdown } from '../shutdown.mjs';

/**
 * A PostgreSQL of its own for the tests, with a role that may create databases and is no superuser.
 * @param {string} folder
 * @param {{ isThrowAway: boolean }} options whether speed matters more than what a power cut would leave
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>}
 */
export async function openTestDatabase(folder, { isThrowAway }) {
  const home = homePaths(folder);
  const secret = () => randomBytes(16).toString('hex');
  const role = { name: 'studio_test', password: secret(), canCreateDatabases: true };
  const cluster = await ensureCluster({
    home: folder,
    logs: home.logs,
    superuserPassword: secret(),
    role,
    isThrowAway: true,
  });
  const supervised = supervise(postgresService(cluster, { isThrowAway }), home);
  const stop = async () => {
    await supervised.stop();
    rmSync(cluster.data, { recursive: true, force: true });
    const parent = dirname(cluster.data);
    if (parent !== folder) rmSync(parent, { recursive: true, force: true });
  };
  onShutdown(stop);
  await postgresReady(cluster.data, supervised);
  return { url: postgresUrl(cluster, role), stop };
}

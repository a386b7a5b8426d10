import { join } from 'node:path';
import type { Config } from './config.ts';
import type { Deps } from './deps.ts';
import { openAccessTokens } from './domains/auth/index.ts';
import { openFilesystemBlob } from './platform/blob.ts';
import { createBus } from './platform/bus.ts';
import { openDb } from './platform/db.ts';
import { createLog, type Log } from './platform/log.ts';

/** Opens what the process works with. The database must be migrated. */
export const compose = async (config: Config, log: Log = createLog(config.logLevel)): Promise<Deps> => {
  const db = openDb({
    url: config.databaseUrl,
    poolSize: config.databasePool,
    statementTimeoutMs: config.databaseTimeoutMs,
    onIdleError: (error) => log.warn({ err: error }, 'A database connection broke; the pool opens another.'),
  });
  const bus = createBus((error) => log.error({ err: error }, 'A listener of the bus failed.'));
  const blob = await openFilesystemBlob(join(config.dataDir, 'blobs'));
  const accessTokens = await openAccessTokens({ db, config, log });
  return { config, db, blob, bus, log, accessTokens };
};

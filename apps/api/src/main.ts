import { buildApp } from './app.ts';
import { compose } from './compose.ts';
import { ConfigError, readConfig } from './config.ts';
import { createLog } from './platform/log.ts';
import { MigrationError, migrate, migrationsFolder } from './platform/migrate.ts';
import { startRoles } from './roles.ts';
import { stopOnSignal } from './stop.ts';

/** What the operator can correct is said in its own words; anything else is a bug and shows its stack. */
const fail = (error: unknown): never => {
  const isForOperator = error instanceof ConfigError || error instanceof MigrationError;
  console.error(isForOperator ? error.message : error);
  if (isForOperator && error.cause instanceof Error) console.error(`Cause: ${error.cause.message}`);
  process.exit(1);
};

const main = async (): Promise<void> => {
  const config = readConfig();
  const log = createLog(config.logLevel);
  const applied = await migrate(config.databaseUrl, migrationsFolder);
  if (applied.length > 0) log.info({ applied }, 'The database schema was brought up to date.');

  const deps = await compose(config, log);
  const app = await buildApp(deps);
  const roles = startRoles(deps);
  stopOnSignal(log, async () => {
    await Promise.all([app.close(), roles.stop()]);
    await deps.db.close();
  });
  if (config.roles.includes('api')) await app.listen({ host: config.host, port: config.port });
  log.info({ host: config.host, port: config.port, roles: config.roles }, 'The studio is ready.');
};

main().catch(fail);

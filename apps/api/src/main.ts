import { buildApp } from './app.ts';
import { compose } from './compose.ts';
import { type Config, readConfig } from './config.ts';
import type { App } from './http/route.ts';
import { createLog } from './platform/log.ts';
import { migrate, migrationsFolder } from './platform/migrate.ts';
import { StartError } from './platform/start-error.ts';
import { startRoles } from './roles.ts';
import { stopOnSignal } from './stop.ts';

/** What the operator can correct is said in one sentence; anything else is a bug and shows its stack. */
const fail = (error: unknown): never => {
  const isForOperator = error instanceof StartError;
  console.error(isForOperator ? error.message : error);
  if (isForOperator && error.cause instanceof Error) console.error(`Cause: ${error.cause.message || error.cause}`);
  process.exit(1);
};

const listen = async (app: App, { host, port }: Config): Promise<void> => {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    throw new StartError(`The studio cannot listen on ${host}:${port}; set STUDIO_PORT to a free port.`, { cause });
  }
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
  if (config.roles.includes('api')) await listen(app, config);
  log.info({ host: config.host, port: config.port, roles: config.roles }, 'The studio is ready.');
};

main().catch(fail);

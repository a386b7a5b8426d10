import { setTimeout as delay } from 'node:timers/promises';
import { openTestDatabase } from '../testing/database.mjs';

/** Opens a database in the folder it is given, tells its address and stays until it is asked to end. */
const database = await openTestDatabase(process.argv[2] ?? '', { isThrowAway: true });
process.stdout.write(`open ${database.url} as ${process.getuid?.()}\n`);
process.once('SIGTERM', async () => {
  await database.stop();
  process.exit(0);
});
await delay(600_000);

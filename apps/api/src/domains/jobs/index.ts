import { domain } from '../../http/route.ts';
import { routes } from './routes.ts';

export { listRunningIds } from './queries.ts';
export { estimatePositions, readJobs } from './read.ts';
export { promoteDueRetries, reapLeases, startReaper } from './reaper.ts';

export const jobs = domain(routes);

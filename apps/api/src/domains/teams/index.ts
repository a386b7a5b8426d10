import { domain } from '../../http/route.ts';
import { routes } from './routes.ts';

export { presentUser } from './present.ts';
export { findFirstMembership, findMembership, type Membership } from './queries.ts';
export { createPersonalTeam } from './service.ts';

export const teams = domain(routes);

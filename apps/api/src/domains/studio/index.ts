import { domain } from '../../http/route.ts';
import { routes } from './routes.ts';

export const studio = domain(routes);

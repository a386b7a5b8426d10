import { domain } from '../../http/route.ts';
import { routes } from './routes.ts';

export { openAccessTokens } from './service.ts';

export const auth = domain(routes);

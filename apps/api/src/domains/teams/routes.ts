import { getMe as getMeEndpoint } from '@studio/contracts';
import { type Plugin, route } from '../../http/route.ts';
import { getMe } from './service.ts';

export const routes: readonly Plugin[] = [
  route(getMeEndpoint, { can: 'account:read' }, ({ deps, actor }) => getMe(deps, actor)),
];

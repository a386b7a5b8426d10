import { getHealth, getReadiness, getStudio } from '@studio/contracts';
import { type Plugin, route } from '../../http/route.ts';
import { checkReadiness, describeStudio } from './service.ts';

export const routes: readonly Plugin[] = [
  route(getStudio, {}, ({ deps }) => describeStudio(deps)),
  route(getHealth, {}, () => ({ status: 'ok' as const, checks: {} })),
  route(getReadiness, {}, ({ deps }) => checkReadiness(deps)),
];

import * as contracts from '@studio/contracts';
import { type Plugin, route } from '../../http/route.ts';
import { generateTxt2img, getGenerateOptions } from './generate.ts';
import { leaseRoutes } from './lease-routes.ts';
import { cancelJob, createJob, getJob, getJobStatus, listJobs } from './service.ts';

/** A graph of 2,000 nodes with long prompts. */
const graphBodyBytes = 4 * 1024 * 1024;

export const routes: readonly Plugin[] = [
  route(contracts.getGenerateOptions, { can: 'model:read' }, ({ deps, actor }) => getGenerateOptions(deps, actor)),
  route(contracts.generateTxt2img, { can: 'job:create' }, ({ deps, actor, body }) =>
    generateTxt2img(deps, actor, body),
  ),
  route(contracts.createJob, { can: 'job:create', bodyLimitBytes: graphBodyBytes }, ({ deps, actor, body }) =>
    createJob(deps, actor, body.graph),
  ),
  route(contracts.listJobs, { can: 'job:read' }, ({ deps, actor, query }) => listJobs(deps, actor, query)),
  route(contracts.getJob, { can: 'job:read' }, ({ deps, actor, params }) => getJob(deps, actor, params.id)),
  route(contracts.getJobStatus, { can: 'job:read' }, ({ deps, actor, params }) => getJobStatus(deps, actor, params.id)),
  route(contracts.cancelJob, { can: 'job:cancel' }, ({ deps, actor, params }) => cancelJob(deps, actor, params.id)),
  leaseRoutes,
];

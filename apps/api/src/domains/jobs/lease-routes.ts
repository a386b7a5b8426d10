import * as contracts from '@studio/contracts';
import { domain, type Plugin, route } from '../../http/route.ts';
import { finalizeJob, reportProgress, requestUploads } from './attempt.ts';
import { enterEngine } from './enter-engine.ts';
import { claimLeases } from './lease.ts';
import { leaseSeconds, progressIntervalMs } from './lease-terms.ts';

/** A catalogue of ComfyUI's size is 0.4 MB; ten thousand models are another five. */
const registerBodyBytes = 16 * 1024 * 1024;
/** A preview of 64 KB in base64, and the progress around it. */
const progressBodyBytes = 128 * 1024;

/** Claims are held open; a server that stops must not wait for them. */
const claimRoute: Plugin = (app, deps) => {
  const stopping = new AbortController();
  app.addHook('preClose', async () => stopping.abort());
  route(contracts.claimLeases, {}, async ({ body, reply }) => {
    const hungUp = new AbortController();
    reply.raw.once('close', () => hungUp.abort());
    return { leases: await claimLeases(deps, body, AbortSignal.any([stopping.signal, hungUp.signal])) };
  })(app, deps);
};

/** The Lease API: everything that engines call. */
export const leaseRoutes: Plugin = domain([
  route(contracts.registerEngine, { bodyLimitBytes: registerBodyBytes }, async ({ deps, body }) => ({
    engineId: await enterEngine(deps, body),
    leaseSeconds,
    progressIntervalMs,
  })),
  claimRoute,
  route(contracts.reportProgress, { bodyLimitBytes: progressBodyBytes }, ({ deps, params, body }) =>
    reportProgress(deps, params.id, body),
  ),
  route(contracts.requestUploads, {}, ({ deps, params, body }) => requestUploads(deps, params.id, body)),
  route(contracts.finalizeJob, {}, ({ deps, params, body }) => finalizeJob(deps, params.id, body)),
]);

import type { EndpointInput, EngineId, registerEngine as registerEngineEndpoint } from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import { registerEngine } from '../models/index.ts';
import { expireLeases } from './lease-queries.ts';
import { reapLeases } from './reaper.ts';

type Registration = EndpointInput<typeof registerEngineEndpoint>['body'];

/**
 * Enters an engine and frees what an earlier process under its name was doing when it died: the jobs need not wait for
 * their leases. Repeating it is safe.
 */
export const enterEngine = async (
  deps: Pick<Deps, 'db' | 'bus'>,
  { heldJobs, ...registration }: Registration,
): Promise<EngineId> => {
  const engineId = await registerEngine(deps, registration);
  if (await deps.db.tx('system', (tx) => expireLeases(tx, engineId, heldJobs))) await reapLeases(deps);
  return engineId;
};

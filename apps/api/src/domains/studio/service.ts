import type { EndpointResponse, getReadiness, Studio } from '@studio/contracts';
import packageJson from '../../../package.json' with { type: 'json' };
import type { Deps } from '../../deps.ts';
import { AppError } from '../../platform/app-error.ts';
import { hasOwner } from '../users/index.ts';

/** What a page needs before anyone is signed in. */
export const describeStudio = async ({ config, db }: Pick<Deps, 'config' | 'db'>): Promise<Studio> => {
  const isOwned = await db.tx('system', hasOwner);
  return {
    productName: config.productName,
    logoUrl: config.logoUrl ?? null,
    version: packageJson.version,
    hasOwner: isOwned,
    isRegistrationOpen: !isOwned || config.registration === 'open',
  };
};

/** Throws `server.unavailable` while the database does not answer. Migrations have run before the port opens. */
export const checkReadiness = async ({ db }: Pick<Deps, 'db'>): Promise<EndpointResponse<typeof getReadiness>> => {
  if (!(await db.ping())) throw new AppError('server.unavailable');
  return { status: 'ok', checks: { database: true } };
};

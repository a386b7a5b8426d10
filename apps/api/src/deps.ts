import type { Config } from './config.ts';
import type { AccessTokens } from './platform/access-tokens.ts';
import type { Blob } from './platform/blob.ts';
import type { Bus } from './platform/bus.ts';
import type { Db } from './platform/db.ts';
import type { Log } from './platform/log.ts';

/** All that a use case may depend on; each takes only what it names, as `Pick<Deps, 'db' | 'bus'>`. */
export interface Deps {
  readonly config: Config;
  readonly db: Db;
  readonly blob: Blob;
  readonly bus: Bus;
  readonly log: Log;
  readonly accessTokens: AccessTokens;
}

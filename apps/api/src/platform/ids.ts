import {
  assetIdSchema,
  engineIdSchema,
  jobIdSchema,
  modelIdSchema,
  sessionIdSchema,
  teamIdSchema,
  userIdSchema,
} from '@studio/contracts';
import { monotonicFactory } from 'ulid';
import type { z } from 'zod';

const schemas = {
  usr: userIdSchema,
  team: teamIdSchema,
  ses: sessionIdSchema,
  job: jobIdSchema,
  ast: assetIdSchema,
  mdl: modelIdSchema,
  eng: engineIdSchema,
};
type Prefix = keyof typeof schemas;

/** Monotonic, so that ids made within one millisecond still sort by creation. */
const ulid = monotonicFactory();

/** A new id of the kind that `prefix` names, e.g. `newId('job')`. */
export function newId<P extends Prefix>(prefix: P): z.output<(typeof schemas)[P]>;
export function newId(prefix: Prefix): z.output<(typeof schemas)[Prefix]> {
  return schemas[prefix].parse(`${prefix}_${ulid().toLowerCase()}`);
}

/** Names one HTTP request in answers and logs. */
export const newRequestId = (): string => `req_${ulid().toLowerCase()}`;

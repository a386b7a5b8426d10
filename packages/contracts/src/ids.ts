import { z } from 'zod';

/** Every id is `<prefix>_<ULID in lower case>`: it sorts by creation time and says what it names. */
const prefixedId = <P extends string>(prefix: P) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[0-9a-hjkmnp-tv-z]{26}$`), `Expected an id that starts with ${prefix}_.`)
    .brand<P>()
    .meta({ example: `${prefix}_01jd8x7q5w3n4k6m8p9r0s2t4v` });

export const userIdSchema = prefixedId('usr');
export const teamIdSchema = prefixedId('team');
export const sessionIdSchema = prefixedId('ses');
export const jobIdSchema = prefixedId('job');
export const assetIdSchema = prefixedId('ast');
export const modelIdSchema = prefixedId('mdl');
export const engineIdSchema = prefixedId('eng');

export type UserId = z.infer<typeof userIdSchema>;
export type TeamId = z.infer<typeof teamIdSchema>;
export type SessionId = z.infer<typeof sessionIdSchema>;
export type JobId = z.infer<typeof jobIdSchema>;
export type AssetId = z.infer<typeof assetIdSchema>;
export type ModelId = z.infer<typeof modelIdSchema>;
export type EngineId = z.infer<typeof engineIdSchema>;

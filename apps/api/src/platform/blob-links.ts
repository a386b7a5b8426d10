import { createHmac } from 'node:crypto';
import { deriveKey, isSameSecret } from './secret.ts';

/** A link to read works for one to two windows and stays the same for a whole one, so that browsers cache it. */
const readWindowSeconds = 3_600;
/** An engine puts its files within seconds; the rest is patience for a slow line. */
const writeSeconds = 1_800;

/** What a link allows. All of it is signed: nobody can read as attachment what was shared inline, or put other bytes. */
export type BlobGrant =
  | { readonly kind: 'read'; readonly key: string; readonly downloadName?: string }
  | {
      readonly kind: 'write';
      readonly key: string;
      readonly sha256: string;
      readonly sizeBytes: number;
      readonly contentType: string;
    };

interface Signer {
  /** STUDIO_SECRET. */
  readonly secret: string;
}

const keys = new WeakMap<Signer, Buffer>();
const keyOf = (config: Signer): Buffer => {
  const known = keys.get(config);
  if (known) return known;
  const key = deriveKey(config.secret, 'blob-links');
  keys.set(config, key);
  return key;
};

const sign = (config: Signer, grant: BlobGrant, expiresAt: number): string => {
  const fields =
    grant.kind === 'read' ? [grant.downloadName ?? null] : [grant.sha256, grant.sizeBytes, grant.contentType];
  return createHmac('sha256', keyOf(config))
    .update(JSON.stringify([grant.kind, grant.key, expiresAt, ...fields]))
    .digest('base64url');
};

/** A path with a signature that proves `grant`; `nowMs` is a Unix time. */
export const signBlobLink = (config: Signer, grant: BlobGrant, nowMs = Date.now()): string => {
  const now = Math.floor(nowMs / 1_000);
  const expiresAt =
    grant.kind === 'read' ? (Math.floor(now / readWindowSeconds) + 2) * readWindowSeconds : now + writeSeconds;
  const query = new URLSearchParams({ exp: String(expiresAt), sig: sign(config, grant, expiresAt) });
  if (grant.kind === 'read' && grant.downloadName !== undefined) query.set('name', grant.downloadName);
  if (grant.kind === 'write') {
    query.set('sha256', grant.sha256);
    query.set('size', String(grant.sizeBytes));
    query.set('type', grant.contentType);
  }
  return `/blobs/${grant.key}?${query}`;
};

/** Whether `signature` was made by this installation for exactly this grant and has not expired. */
export const isBlobLinkValid = (
  config: Signer,
  grant: BlobGrant,
  { signature, expiresAt, nowMs = Date.now() }: { signature: string; expiresAt: number; nowMs?: number },
): boolean => expiresAt * 1_000 > nowMs && isSameSecret(sign(config, grant, expiresAt), signature);

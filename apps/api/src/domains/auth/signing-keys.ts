import { exportJWK, exportPKCS8, generateKeyPair, importPKCS8, type JWK } from 'jose';
import { z } from 'zod';
import type { Deps } from '../../deps.ts';
import { accessTokenSeconds, type KeyRing } from '../../platform/access-tokens.ts';
import type { Tx } from '../../platform/db.ts';
import { deriveKey, seal, unseal } from '../../platform/secret.ts';
import {
  deleteSigningKeys,
  insertSigningKey,
  lockSigningKeys,
  type SigningKeyRow,
  setSigningKeyState,
} from './queries.ts';

const rotateAfterSeconds = 90 * 24 * 3600;
const publicJwkSchema = z.looseObject({ kid: z.string(), kty: z.literal('RSA') });

interface UsableKey extends SigningKeyRow {
  readonly pkcs8: string;
}

const createKey = async (tx: Tx, sealingKey: Buffer, state: 'next' | 'active'): Promise<void> => {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true });
  const kid = crypto.randomUUID();
  const publicJwk: JWK = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' };
  await insertSigningKey(tx, {
    kid,
    state,
    public_jwk: JSON.stringify(publicJwk),
    private_key: seal(sealingKey, await exportPKCS8(privateKey)),
  });
};

/** Splits keys into those this STUDIO_SECRET opens and those it does not. */
const openKeys = (rows: readonly SigningKeyRow[], sealingKey: Buffer) => {
  const usable: UsableKey[] = [];
  const lost: string[] = [];
  for (const row of rows) {
    try {
      usable.push({ ...row, pkcs8: unseal(sealingKey, row.private_key) });
    } catch {
      lost.push(row.kid);
    }
  }
  return { usable, lost };
};

/** Moves the keys on by age: next becomes active, active retires, retired goes once its tokens are dead. */
const advanceKeys = async (tx: Tx, keys: readonly UsableKey[], sealingKey: Buffer): Promise<void> => {
  const dead = keys.filter((key) => key.state === 'retired' && key.age_seconds > 2 * accessTokenSeconds);
  await deleteSigningKeys(
    tx,
    dead.map((key) => key.kid),
  );
  const active = keys.find((key) => key.state === 'active');
  const next = keys.find((key) => key.state === 'next');
  if (active && active.age_seconds < rotateAfterSeconds) {
    if (!next) await createKey(tx, sealingKey, 'next');
    return;
  }
  if (active) await setSigningKeyState(tx, active.kid, 'retired');
  if (next) await setSigningKeyState(tx, next.kid, 'active');
  else await createKey(tx, sealingKey, 'active');
  await createKey(tx, sealingKey, 'next');
};

/**
 * The keys to sign and check with, made on the first start and rotated every 90 days at a start. The
 * next key is published ahead of its use. Keys that another STUDIO_SECRET sealed are replaced: people
 * then refresh their access tokens, nobody is signed out.
 */
export const loadKeyRing = ({ db, config, log }: Pick<Deps, 'db' | 'config' | 'log'>): Promise<KeyRing> =>
  db.tx('system', async (tx) => {
    const sealingKey = deriveKey(config.secret, 'signing_key');
    const { usable, lost } = openKeys(await lockSigningKeys(tx), sealingKey);
    if (lost.length > 0) {
      log.warn({ kids: lost }, 'STUDIO_SECRET has changed: signing keys sealed with the old one are replaced.');
      await deleteSigningKeys(tx, lost);
    }
    await advanceKeys(tx, usable, sealingKey);
    const { usable: current } = openKeys(await lockSigningKeys(tx), sealingKey);
    const active = current.find((key) => key.state === 'active');
    if (!active) throw new Error('There is no active signing key after advancing the keys.');
    return {
      active: { kid: active.kid, privateKey: await importPKCS8(active.pkcs8, 'RS256') },
      publicKeys: { keys: current.map((key) => publicJwkSchema.parse(key.public_jwk)) },
    };
  });

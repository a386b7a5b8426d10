import { createHmac, type webcrypto } from 'node:crypto';
import { getMe, type Session } from '@studio/contracts';
import { exportSPKI, generateKeyPair, importJWK, importPKCS8, type JWTHeaderParameters, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { startTestStudio, type TestStudio } from '../../../test/studio.ts';
import { deriveKey, unseal } from '../../platform/secret.ts';

let studio: TestStudio;
let owner: Session;
/** The studio's own private key, to forge tokens that are wrong in one point only. */
let ownKey: webcrypto.CryptoKey;
let kid: string;

beforeAll(async () => {
  studio = await startTestStudio();
  owner = await studio.registerOwner();
  const row = await studio.deps.db.tx('system', (tx) =>
    tx.selectFrom('signing_key').selectAll().where('state', '=', 'active').executeTakeFirstOrThrow(),
  );
  kid = row.kid;
  ownKey = await importPKCS8(unseal(deriveKey(studio.deps.config.secret, 'signing_key'), row.private_key), 'RS256');
});
afterAll(() => studio.stop());

const codeWith = async (token: string): Promise<unknown> => (await studio.send(getMe, { token })).json().error?.code;

const partsOf = (token: string): string[] => token.split('.');
const decode = (part: string | undefined): Record<string, unknown> =>
  z.record(z.string(), z.unknown()).parse(JSON.parse(Buffer.from(part ?? '', 'base64url').toString()));
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const ownClaims = (): Record<string, unknown> => decode(partsOf(owner.accessToken)[1]);

const forge = (
  changes: { header?: Partial<JWTHeaderParameters>; claims?: Record<string, unknown> } = {},
  key: webcrypto.CryptoKey = ownKey,
): Promise<string> =>
  new SignJWT({ ...ownClaims(), ...changes.claims })
    .setProtectedHeader({ alg: 'RS256', kid, typ: 'at+jwt', ...changes.header })
    .sign(key);

test('a token carries who, where and in which session, and lives fifteen minutes', async () => {
  expect(decode(partsOf(owner.accessToken)[0])).toEqual({ alg: 'RS256', kid, typ: 'at+jwt' });
  const claims = ownClaims();
  expect(claims).toMatchObject({
    sub: owner.user.id,
    email: owner.user.email,
    name: owner.user.name,
    role: 'owner',
    teamId: owner.user.team.id,
    iss: 'studio',
    aud: 'studio',
  });
  expect(Number(claims.exp) - Number(claims.iat)).toBe(900);
});

test('the forging below makes good tokens when nothing is changed', async () => {
  expect(await codeWith(await forge())).toBeUndefined();
});

test('anyone can check a token with the published keys', async () => {
  const { keys } = (await studio.app.inject('/.well-known/jwks.json')).json();
  expect(keys).toHaveLength(2);
  for (const key of keys) expect(Object.keys(key).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
});

test('no token', async () => {
  const answer = await studio.send(getMe);
  expect([answer.statusCode, answer.json().error.code]).toEqual([401, 'auth.required']);
});

test('an expired token says so, so that the client refreshes', async () => {
  const past = Math.floor(Date.now() / 1000) - 60;
  expect(await codeWith(await forge({ claims: { iat: past - 900, exp: past } }))).toBe('auth.token_expired');
});

const forgeries: Record<string, () => Promise<string> | string> = {
  'alg none': () => `${encode({ alg: 'none', typ: 'at+jwt' })}.${partsOf(owner.accessToken)[1]}.`,
  'HS256 with the public key as the secret': async () => {
    const jwk = studio.deps.accessTokens.publicKeys.keys.find((key) => key.kid === kid);
    const publicKey = await importJWK(jwk ?? {}, 'RS256', { extractable: true });
    const pem = publicKey instanceof Uint8Array ? '' : await exportSPKI(publicKey);
    const signed = `${encode({ alg: 'HS256', kid, typ: 'at+jwt' })}.${encode(ownClaims())}`;
    return `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`;
  },
  'changed claims under the old signature': () => {
    const [header, , signature] = partsOf(owner.accessToken);
    return `${header}.${encode({ ...ownClaims(), role: 'admin' })}.${signature}`;
  },
  'a key of the forger': async () => forge({}, (await generateKeyPair('RS256')).privateKey),
  'an embedded key of the forger': async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const { exportJWK } = await import('jose');
    return forge({ header: { kid: 'mine', jwk: await exportJWK(publicKey) } }, privateKey);
  },
  'another audience': () => forge({ claims: { aud: 'elsewhere' } }),
  'another issuer': () => forge({ claims: { iss: 'elsewhere' } }),
  'another type of token': () => forge({ header: { typ: 'JWT' } }),
  'no expiry': () => forge({ claims: { exp: undefined } }),
  'a role that does not exist': () => forge({ claims: { role: 'root' } }),
  'an unknown key id': () => forge({ header: { kid: '../../etc/passwd' } }),
  'no JWT at all': () => 'guess',
};

test.each(Object.keys(forgeries))('%s is refused', async (name) => {
  const token = await forgeries[name]?.();
  expect(await codeWith(token ?? '')).toBe('auth.token_invalid');
});

import type { webcrypto } from 'node:crypto';
import { roleSchema, sessionIdSchema, teamIdSchema, userIdSchema } from '@studio/contracts';
import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { Actor } from './actor.ts';
import { AppError } from './app-error.ts';

export const accessTokenSeconds = 15 * 60;
const issuer = 'studio';
const audience = 'studio';
const tokenType = 'at+jwt';

/** The key that signs now, and every public key whose tokens may still be alive. */
export interface KeyRing {
  readonly active: { readonly kid: string; readonly privateKey: webcrypto.CryptoKey };
  readonly publicKeys: JSONWebKeySet;
}

export interface AccessTokens {
  sign(actor: Actor, profile: { readonly email: string; readonly name: string }): Promise<string>;
  /** Throws `auth.token_invalid` or `auth.token_expired`. */
  verify(token: string): Promise<Actor>;
  /** Refuses the tokens of a session at once, before they expire. */
  revoke(sessionId: Actor['sessionId']): void;
  /** For /.well-known/jwks.json. */
  readonly publicKeys: JSONWebKeySet;
}

const claimsSchema = z
  .object({ sub: userIdSchema, teamId: teamIdSchema, role: roleSchema, sid: sessionIdSchema })
  .transform(({ sub, teamId, role, sid }): Actor => ({ userId: sub, teamId, role, sessionId: sid }));

/** Session ids to refuse, each until its last token has expired by itself. */
const revokedSessions = (initial: readonly string[]) => {
  const expiryById = new Map<string, number>();
  const add = (sessionId: string): void => {
    const now = Date.now();
    for (const [id, expiry] of expiryById) if (expiry < now) expiryById.delete(id);
    expiryById.set(sessionId, now + accessTokenSeconds * 1000);
  };
  for (const sessionId of initial) add(sessionId);
  return { add, has: (sessionId: string): boolean => expiryById.has(sessionId) };
};

/** Signs and checks RS256 access tokens (RFC 9068). `revoked`: sessions ended within the last 15 minutes. */
export const createAccessTokens = (keys: KeyRing, revoked: readonly string[]): AccessTokens => {
  const findKey = createLocalJWKSet(keys.publicKeys);
  const ended = revokedSessions(revoked);
  return {
    publicKeys: keys.publicKeys,
    revoke: ended.add,
    sign: (actor, { email, name }) =>
      new SignJWT({ email, name, role: actor.role, teamId: actor.teamId, sid: actor.sessionId })
        .setProtectedHeader({ alg: 'RS256', kid: keys.active.kid, typ: tokenType })
        .setSubject(actor.userId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime(`${accessTokenSeconds}s`)
        .sign(keys.active.privateKey),
    verify: async (token) => {
      // The algorithm and type are pinned: a token must not choose how it is checked.
      const expected = { algorithms: ['RS256'], typ: tokenType, issuer, audience, requiredClaims: ['exp', 'sub'] };
      const verified = await jwtVerify(token, findKey, expected).catch((cause: unknown) => {
        const code = cause instanceof errors.JWTExpired ? 'auth.token_expired' : 'auth.token_invalid';
        throw new AppError(code, { cause });
      });
      const claims = claimsSchema.safeParse(verified.payload);
      if (!claims.success || ended.has(claims.data.sessionId)) throw new AppError('auth.token_invalid');
      return claims.data;
    },
  };
};

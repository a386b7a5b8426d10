import { z } from 'zod';
import { defineEndpoint } from './endpoint.ts';
import { userSchema } from './users.ts';

const emailSchema = z
  .email()
  .max(254)
  .transform((email) => email.toLowerCase());
/** Argon2 hashes any length; the upper bound keeps one request from buying seconds of CPU. */
const passwordSchema = z.string().min(1).max(256);

export const sessionSchema = z
  .object({
    user: userSchema,
    accessToken: z.string().meta({ description: 'RS256 JWT; send it as a Bearer token.' }),
    expiresInSeconds: z.int(),
  })
  .meta({ id: 'Session' });
export type Session = z.infer<typeof sessionSchema>;

export const register = defineEndpoint({
  id: 'register',
  method: 'POST',
  path: '/api/v1/auth/register',
  tag: 'Auth',
  summary: 'Create an account; on a new installation this creates its owner',
  auth: 'public',
  body: z.object({ email: emailSchema, password: passwordSchema, name: z.string().trim().min(1).max(100) }),
  status: 201,
  response: sessionSchema,
  errors: ['auth.registration_closed', 'auth.email_taken', 'auth.password_weak'],
});

export const login = defineEndpoint({
  id: 'login',
  method: 'POST',
  path: '/api/v1/auth/login',
  tag: 'Auth',
  summary: 'Sign in with e-mail and password; sets the refresh cookie',
  auth: 'public',
  body: z.object({ email: emailSchema, password: passwordSchema }),
  status: 200,
  response: sessionSchema,
  errors: ['auth.wrong_credentials'],
});

export const refresh = defineEndpoint({
  id: 'refresh',
  method: 'POST',
  path: '/api/v1/auth/refresh',
  tag: 'Auth',
  summary: 'Exchange the refresh cookie for a new access token; rotates the cookie',
  auth: 'refresh',
  status: 200,
  response: sessionSchema,
  errors: ['auth.refresh_invalid', 'auth.refresh_reused'],
});

export const logout = defineEndpoint({
  id: 'logout',
  method: 'POST',
  path: '/api/v1/auth/logout',
  tag: 'Auth',
  summary: 'End this session and clear the refresh cookie; safe to repeat',
  auth: 'refresh',
  status: 204,
  errors: [],
});

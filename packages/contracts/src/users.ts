import { z } from 'zod';
import { defineEndpoint } from './endpoint.ts';
import { teamIdSchema, userIdSchema } from './ids.ts';

export const roleSchema = z.enum(['owner', 'admin', 'member', 'viewer']);
export type Role = z.infer<typeof roleSchema>;

export const userSchema = z
  .object({
    id: userIdSchema,
    email: z.email(),
    name: z.string(),
    createdAt: z.iso.datetime(),
    team: z.object({ id: teamIdSchema, name: z.string(), role: roleSchema }),
  })
  .meta({ id: 'User' });
export type User = z.infer<typeof userSchema>;

export const getMe = defineEndpoint({
  id: 'getMe',
  method: 'GET',
  path: '/api/v1/users/me',
  tag: 'Users',
  summary: 'The signed-in user and the team they work in',
  auth: 'user',
  status: 200,
  response: userSchema,
  errors: [],
});

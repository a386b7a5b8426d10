import { z } from 'zod';
import { defineEndpoint } from './endpoint.ts';

export const limitsSchema = z.object({
  minSide: z.int(),
  maxSide: z.int(),
  sideMultiple: z.int(),
  maxPixels: z.int(),
  maxSteps: z.int(),
  maxCfg: z.number(),
  maxCount: z.int(),
  maxPromptLength: z.int(),
});

/** What a page needs before anyone is signed in. */
export const studioSchema = z
  .object({
    productName: z.string(),
    logoUrl: z.string().nullable(),
    version: z.string(),
    hasOwner: z.boolean(),
    isRegistrationOpen: z.boolean(),
  })
  .meta({ id: 'Studio' });
export type Studio = z.infer<typeof studioSchema>;

export const getStudio = defineEndpoint({
  id: 'getStudio',
  method: 'GET',
  path: '/api/v1/studio',
  tag: 'Studio',
  summary: 'Name, version and first-run state of this installation',
  auth: 'public',
  status: 200,
  response: studioSchema,
  errors: [],
});

export const healthSchema = z.object({
  status: z.enum(['ok', 'unavailable']),
  checks: z.record(z.string(), z.boolean()),
});

export const getHealth = defineEndpoint({
  id: 'getHealth',
  method: 'GET',
  path: '/api/health',
  tag: 'Studio',
  summary: 'The process is alive',
  auth: 'public',
  status: 200,
  response: healthSchema,
  errors: [],
});

export const getReadiness = defineEndpoint({
  id: 'getReadiness',
  method: 'GET',
  path: '/api/ready',
  tag: 'Studio',
  summary: 'The process can serve: database reachable and migrated',
  auth: 'public',
  status: 200,
  response: healthSchema,
  errors: ['server.unavailable'],
});

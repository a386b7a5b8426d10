import { mkdirSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import {
  claimRequestSchema,
  claimResponseSchema,
  errorBodySchema,
  finalizeRequestSchema,
  finalizeResponseSchema,
  progressRequestSchema,
  progressResponseSchema,
  registerEngineRequestSchema,
  registerEngineResponseSchema,
  uploadRequestSchema,
  uploadResponseSchema,
} from '../src/index.ts';
import { buildOpenApiDocument } from '../src/openapi.ts';

/** Writes generated/: the OpenAPI document, and the JSON Schema from which the engine's models are generated. */

const outDir = new URL('../generated/', import.meta.url);
mkdirSync(outDir, { recursive: true });
const write = (name: string, value: unknown) => {
  writeFileSync(new URL(name, outDir), `${JSON.stringify(value, null, 2)}\n`);
};

const leaseApiSchema = z.object({
  registerRequest: registerEngineRequestSchema,
  registerResponse: registerEngineResponseSchema,
  claimRequest: claimRequestSchema,
  claimResponse: claimResponseSchema,
  progressRequest: progressRequestSchema,
  progressResponse: progressResponseSchema,
  uploadRequest: uploadRequestSchema,
  uploadResponse: uploadResponseSchema,
  finalizeRequest: finalizeRequestSchema,
  finalizeResponse: finalizeResponseSchema,
  error: errorBodySchema,
});

write('openapi.json', buildOpenApiDocument());
write('lease.schema.json', { title: 'LeaseApi', ...z.toJSONSchema(leaseApiSchema, { target: 'draft-2020-12' }) });

import type { Endpoint, EndpointInput } from '@studio/contracts';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { AppError } from '../platform/app-error.ts';
import { describeIssues, type FieldError } from './describe-issues.ts';

/** Checks path, query and body against the contract and reports every wrong field at once as `request.invalid`. */
export function parseInput<E extends Endpoint>(endpoint: E, request: FastifyRequest): EndpointInput<E>;
export function parseInput(endpoint: Endpoint, request: FastifyRequest): EndpointInput<Endpoint> {
  const fields: FieldError[] = [];
  const parse = (schema: z.ZodType | undefined, value: unknown): unknown => {
    if (!schema) return undefined;
    const result = schema.safeParse(value, { reportInput: true });
    if (result.success) return result.data;
    fields.push(...describeIssues(result.error.issues));
    return undefined;
  };
  const params = parse(endpoint.params, request.params);
  const query = parse(endpoint.query, request.query);
  const body = parse(endpoint.body, request.body ?? undefined);
  if (fields.length > 0) throw new AppError('request.invalid', { details: { fields } });
  return { params: toRecord(params), query: toRecord(query), body };
}

const toRecord = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null ? { ...value } : undefined;

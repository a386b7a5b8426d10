import { type ErrorBody, type ErrorCode, errorDefinitions } from '@studio/contracts';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import pg from 'pg';
import type { Deps } from '../deps.ts';
import { AppError } from '../platform/app-error.ts';
import type { App } from './route.ts';

/** Fastify's own refusals in the words of our table. */
const codeByFastifyCode: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'request.too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'request.unsupported_media_type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'request.unparseable',
  FST_ERR_CTP_INVALID_JSON_BODY: 'request.unparseable',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'request.unparseable',
  FST_ERR_BAD_URL: 'request.not_found',
};

/** SQLSTATE classes 08 (connection), 3D (no such database), 53 (resources), 57P (shutdown): away, not wrong. */
const isDatabaseAway = (error: unknown): boolean => {
  if (error instanceof pg.DatabaseError) return /^(08|3D|53|57P)/.test(error.code ?? '');
  if (!(error instanceof Error)) return false;
  const isRefused = 'syscall' in error && error.syscall === 'connect';
  // pg and its pool give these two no code.
  return isRefused || /^(Connection terminated|timeout exceeded when trying to connect)/.test(error.message);
};

const toAppError = (error: FastifyError | Error): AppError => {
  if (error instanceof AppError) return error;
  const statusCode = 'statusCode' in error ? error.statusCode : undefined;
  const known = 'code' in error ? codeByFastifyCode[String(error.code)] : undefined;
  if (known) return new AppError(known, { cause: error });
  if (statusCode === 429) return new AppError('request.rate_limited', { cause: error });
  if (error instanceof SyntaxError && statusCode === 400) return new AppError('request.unparseable', { cause: error });
  if (isDatabaseAway(error)) return new AppError('server.unavailable', { cause: error });
  return new AppError('server.internal', { cause: error });
};

export const errorBody = (error: AppError, requestId: string): ErrorBody => ({
  error: { code: error.code, message: error.message, ...(error.details && { details: error.details }), requestId },
});

type ErrorAnswer = (error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply) => void;

/** The one edge at which errors become answers; only here are they logged. */
export const answerError =
  ({ log }: Pick<Deps, 'log'>): ErrorAnswer =>
  (error, request, reply) => {
    const known = toAppError(error);
    const line = { requestId: request.id, method: request.method, url: request.routeOptions.url, code: known.code };
    if (errorDefinitions[known.code].audience === 'user') log.debug(line, known.message);
    else log.error({ ...line, err: error }, known.message);
    reply.code(known.status).send(errorBody(known, request.id));
  };

export const addErrorHandling = (app: App, deps: Pick<Deps, 'log'>): void => {
  app.setErrorHandler<FastifyError | Error>(answerError(deps));
  app.setNotFoundHandler((request, reply) => {
    const error = new AppError('request.not_found');
    return reply.code(error.status).send(errorBody(error, request.id));
  });
};

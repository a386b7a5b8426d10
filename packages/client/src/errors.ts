import type { ErrorBody } from '@studio/contracts';

interface ApiErrorFields {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly details?: Record<string, unknown> | undefined;
  readonly requestId: string;
}

/** The server refused. `message` is a sentence for the person who asked; `code` is one of the contract's table. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly details: Record<string, unknown>;
  readonly requestId: string;

  constructor(fields: ApiErrorFields) {
    super(fields.message);
    this.status = fields.status;
    this.code = fields.code;
    this.details = fields.details ?? {};
    this.requestId = fields.requestId;
  }
}

/** No answer came: the request may or may not have been carried out. Repeat it with the same idempotency key. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';

  constructor(cause: unknown) {
    super('The studio cannot be reached; check the connection.', { cause });
  }
}

const isErrorBody = (value: unknown): value is ErrorBody =>
  typeof value === 'object' &&
  value !== null &&
  'error' in value &&
  typeof value.error === 'object' &&
  value.error !== null &&
  'code' in value.error &&
  'message' in value.error;

/** A gateway in between may answer with a page instead of our shape; that still becomes a sentence. */
export const readApiError = async (response: Response): Promise<ApiError> => {
  const body: unknown = await response.json().catch(() => null);
  if (isErrorBody(body)) return new ApiError({ status: response.status, ...body.error });
  return new ApiError({
    status: response.status,
    code: 'server.unavailable',
    message: `The studio answered with status ${response.status}; try again in a moment.`,
    requestId: response.headers.get('x-request-id') ?? '',
  });
};

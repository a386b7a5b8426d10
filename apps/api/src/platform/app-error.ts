import { type ErrorCode, errorDefinitions } from '@studio/contracts';

interface AppErrorOptions {
  /** A more exact sentence than the table's. */
  readonly message?: string;
  readonly details?: Record<string, unknown>;
  readonly cause?: unknown;
}

/** An expected failure with a code of the one error table, which decides status, audience and default sentence. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    super(options.message ?? errorDefinitions[code].message, { cause: options.cause });
    this.code = code;
    this.details = options.details;
  }

  get status(): number {
    return errorDefinitions[this.code].status;
  }
}

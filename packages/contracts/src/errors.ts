import { z } from 'zod';

/** Who can act on an error: the person who sent the request, the operator of the installation, or its programmers. */
type Audience = 'user' | 'operator' | 'bug';

interface ErrorDefinition {
  readonly status: number;
  readonly audience: Audience;
  /** One sentence that says what happened and what to do. A service may give a more exact one. */
  readonly message: string;
}

const define = <T extends Record<string, ErrorDefinition>>(table: T): T => table;

/** The one table of error codes. Status and audience are decided here and nowhere else. */
export const errorDefinitions = define({
  'request.invalid': {
    status: 400,
    audience: 'user',
    message: 'The request has invalid fields; correct those listed in details and send it again.',
  },
  'request.unparseable': {
    status: 400,
    audience: 'user',
    message: 'The body is not valid JSON; check it and send it again.',
  },
  'request.too_large': {
    status: 413,
    audience: 'user',
    message: 'The request body is too large; send less in one request.',
  },
  'request.unsupported_media_type': { status: 415, audience: 'user', message: 'Send the body as application/json.' },
  'request.not_found': {
    status: 404,
    audience: 'user',
    message: 'There is nothing at this address; check the path and the method.',
  },
  'request.cross_origin': {
    status: 403,
    audience: 'user',
    message: 'The request came from another site; use the studio from its own address.',
  },
  'request.rate_limited': { status: 429, audience: 'user', message: 'Too many requests; wait a moment and try again.' },
  'idempotency.mismatch': {
    status: 422,
    audience: 'user',
    message: 'This Idempotency-Key was used with another request; use a new key.',
  },
  'idempotency.in_progress': {
    status: 409,
    audience: 'user',
    message: 'A request with this Idempotency-Key is still running; try again shortly.',
  },
  'auth.required': {
    status: 401,
    audience: 'user',
    message: 'Sign in first: send an access token in the Authorization header.',
  },
  'auth.token_invalid': { status: 401, audience: 'user', message: 'The access token is not valid; sign in again.' },
  'auth.token_expired': {
    status: 401,
    audience: 'user',
    message: 'The access token has expired; refresh it or sign in again.',
  },
  'auth.refresh_invalid': { status: 401, audience: 'user', message: 'The session has ended; sign in again.' },
  'auth.refresh_reused': {
    status: 401,
    audience: 'user',
    message: 'This session was ended because an old refresh token was used again; sign in again.',
  },
  'auth.wrong_credentials': {
    status: 401,
    audience: 'user',
    message: 'The e-mail address or the password is wrong; try again.',
  },
  'auth.registration_closed': {
    status: 403,
    audience: 'user',
    message: 'This studio already has an owner; ask the owner for an account.',
  },
  'auth.email_taken': {
    status: 409,
    audience: 'user',
    message: 'An account with this e-mail address exists; sign in instead.',
  },
  'auth.password_weak': {
    status: 400,
    audience: 'user',
    message: 'The password is too easy to guess; use at least 10 characters that are not a common password.',
  },
  'auth.forbidden': {
    status: 403,
    audience: 'user',
    message: 'Your role does not allow this; ask an owner of the team.',
  },
  'user.not_found': { status: 404, audience: 'user', message: 'There is no such user.' },
  'job.not_found': { status: 404, audience: 'user', message: 'There is no such job in your team; check the id.' },
  'job.finished': { status: 409, audience: 'user', message: 'The job has already ended; it cannot be cancelled.' },
  'job.lease_lost': {
    status: 409,
    audience: 'operator',
    message: 'This attempt no longer holds the job; drop its results.',
  },
  'job.attempts_exhausted': {
    status: 500,
    audience: 'operator',
    message: 'The engine stopped three times while drawing this; look at the engine log, then try again.',
  },
  'job.deadline_exceeded': {
    status: 500,
    audience: 'user',
    message: 'The job took longer than allowed; use fewer steps or a smaller size.',
  },
  'job.queue_full': {
    status: 429,
    audience: 'user',
    message: 'Your team has too many jobs waiting; let some finish or cancel them.',
  },
  'job.cancelled': { status: 409, audience: 'user', message: 'The job was cancelled.' },
  'graph.invalid': {
    status: 400,
    audience: 'user',
    message: 'The graph cannot run; correct the nodes listed in details.nodeErrors.',
  },
  'graph.cycle': {
    status: 400,
    audience: 'user',
    message: 'The graph has a cycle; remove one of the links named in details.',
  },
  'graph.unknown_node': {
    status: 400,
    audience: 'user',
    message: 'The graph uses a node that no engine knows; check class_type.',
  },
  'graph.no_output': {
    status: 400,
    audience: 'user',
    message: 'The graph has no output node; add SaveImage or PreviewImage.',
  },
  'generate.unknown_sampler': {
    status: 400,
    audience: 'user',
    message: 'There is no such sampler; choose one of those listed in details.',
  },
  'generate.unknown_scheduler': {
    status: 400,
    audience: 'user',
    message: 'There is no such scheduler; choose one of those listed in details.',
  },
  'generate.unknown_model': {
    status: 400,
    audience: 'user',
    message: 'There is no such model; choose one from GET /api/v1/models.',
  },
  'generate.no_engine': {
    status: 503,
    audience: 'operator',
    message: 'No engine has connected yet; wait until it has started, then try again.',
  },
  'asset.not_found': { status: 404, audience: 'user', message: 'There is no such picture in your team; check the id.' },
  'asset.purged': {
    status: 410,
    audience: 'user',
    message: 'The picture was removed for good; it cannot be restored.',
  },
  'blob.signature_invalid': {
    status: 403,
    audience: 'user',
    message: 'This link is not valid or has expired; load the page again.',
  },
  'blob.not_found': { status: 404, audience: 'user', message: 'The file no longer exists.' },
  'blob.too_large': { status: 413, audience: 'user', message: 'The file is larger than allowed.' },
  'blob.hash_mismatch': {
    status: 422,
    audience: 'operator',
    message: 'The bytes do not match the announced SHA-256; upload them again.',
  },
  'model.not_found': {
    status: 404,
    audience: 'user',
    message: 'There is no such model; choose one from the list of models.',
  },
  'model.file_missing': {
    status: 400,
    audience: 'user',
    message: 'The model file is not on the engine; put it into the models folder and restart.',
  },
  'model.file_corrupt': {
    status: 422,
    audience: 'user',
    message: 'The model file is damaged or not a safetensors file; download it again.',
  },
  'model.family_unknown': {
    status: 422,
    audience: 'user',
    message:
      'The file is of a model family that this engine cannot run; use one of SD 1.x, SD 2.x, SDXL, SD 3 or Flux.',
  },
  'model.untrained': {
    status: 422,
    audience: 'user',
    message: 'The model file holds no trained weights; train or download it first.',
  },
  'engine.token_invalid': {
    status: 401,
    audience: 'operator',
    message: 'The engine token is wrong; give the engine the token of this installation.',
  },
  'engine.not_registered': {
    status: 409,
    audience: 'operator',
    message: 'No engine is registered under this id; register again, then go on claiming.',
  },
  'engine.out_of_memory': {
    status: 507,
    audience: 'user',
    message: 'The engine ran out of memory; use a smaller size or fewer pictures at once.',
  },
  'engine.node_failed': { status: 500, audience: 'user', message: 'A node failed; details name it and say why.' },
  'engine.non_finite': {
    status: 500,
    audience: 'user',
    message: 'The picture became invalid numbers (NaN); lower CFG or choose another sampler.',
  },
  'engine.internal': {
    status: 500,
    audience: 'bug',
    message: 'The engine failed unexpectedly; the engine log has the details.',
  },
  'server.unavailable': {
    status: 503,
    audience: 'operator',
    message: 'The studio cannot reach its database; try again in a moment.',
  },
  'server.internal': {
    status: 500,
    audience: 'bug',
    message: 'Something went wrong on our side; try again, and report the request id if it stays.',
  },
});

export type ErrorCode = keyof typeof errorDefinitions;

export const isErrorCode = (value: string): value is ErrorCode => Object.hasOwn(errorDefinitions, value);

/** The one shape of every error answer. */
export const errorBodySchema = z
  .object({
    error: z.object({
      code: z.string().meta({ example: 'request.invalid' }),
      message: z.string(),
      details: z.record(z.string(), z.unknown()).optional(),
      requestId: z.string(),
    }),
  })
  .meta({ id: 'Error' });

export type ErrorBody = z.infer<typeof errorBodySchema>;

import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Deps } from '../deps.ts';
import { AppError } from '../platform/app-error.ts';
import { isBlobKey } from '../platform/blob.ts';
import { type BlobGrant, isBlobLinkValid } from '../platform/blob-links.ts';
import { contentTypeOfKey } from '../platform/content-types.ts';
import { parseRange } from './byte-range.ts';
import type { Plugin } from './route.ts';

const signedSchema = z.object({ exp: z.coerce.number().int(), sig: z.string().max(100) });
const readSchema = signedSchema.extend({ name: z.string().max(200).optional() });
const writeSchema = signedSchema.extend({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.coerce.number().int().min(1),
  type: z.string().max(100),
});

const keyOf = (request: FastifyRequest): string => {
  const key = z.object({ '*': z.string() }).parse(request.params)['*'];
  if (!isBlobKey(key)) throw new AppError('blob.not_found');
  return key;
};

const parseSigned = <T>(schema: z.ZodType<T>, query: unknown): T => {
  const result = schema.safeParse(query);
  if (!result.success) throw new AppError('blob.signature_invalid');
  return result.data;
};

const verify = (deps: Pick<Deps, 'config'>, grant: BlobGrant, { exp, sig }: z.infer<typeof signedSchema>): void => {
  if (!isBlobLinkValid(deps.config, grant, { signature: sig, expiresAt: exp })) {
    throw new AppError('blob.signature_invalid');
  }
};

/** A picture is never a page: even a file that lies about its type cannot run in our origin. */
const setSafeHeaders = (reply: FastifyReply, key: string, downloadName: string | undefined): void => {
  reply
    .header('content-type', contentTypeOfKey(key))
    .header('x-content-type-options', 'nosniff')
    .header('content-security-policy', "default-src 'none'; sandbox")
    .header('cross-origin-resource-policy', 'same-origin')
    .header('accept-ranges', 'bytes')
    // A key names one content for ever, so a browser need never ask again.
    .header('cache-control', 'private, max-age=86400, immutable');
  if (downloadName !== undefined) {
    reply.header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(downloadName)}`);
  }
};

const readBlob = async (deps: Pick<Deps, 'blob' | 'config'>, request: FastifyRequest, reply: FastifyReply) => {
  const key = keyOf(request);
  const query = parseSigned(readSchema, request.query);
  verify(deps, { kind: 'read', key, ...(query.name !== undefined && { downloadName: query.name }) }, query);
  const blob = await deps.blob.find(key);
  if (!blob) throw new AppError('blob.not_found');
  setSafeHeaders(reply, key, query.name);
  const range = parseRange(request.headers.range, blob.sizeBytes);
  if (range === 'unsatisfiable') return reply.code(416).header('content-range', `bytes */${blob.sizeBytes}`).send();
  if (range === 'whole') return reply.header('content-length', blob.sizeBytes).send(blob.read());
  return reply
    .code(206)
    .header('content-range', `bytes ${range.start}-${range.end}/${blob.sizeBytes}`)
    .header('content-length', range.end - range.start + 1)
    .send(blob.read(range));
};

const writeBlob = async (deps: Pick<Deps, 'blob' | 'config'>, request: FastifyRequest, reply: FastifyReply) => {
  const key = keyOf(request);
  const query = parseSigned(writeSchema, request.query);
  const { sha256, size: sizeBytes, type: contentType } = query;
  verify(deps, { kind: 'write', key, sha256, sizeBytes, contentType }, query);
  await deps.blob.put(key, request.raw, { maxBytes: sizeBytes, sha256 });
  return reply.code(204).send();
};

/** Files behind signed links: the link is the permission, so that <img> and engines need no token. */
export const blobs: Plugin = (app, deps) => {
  app.register(async (scope) => {
    // Uploads are streamed to disk, whatever their type.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.get('/blobs/*', (request, reply) => readBlob(deps, request, reply));
    scope.put('/blobs/*', (request, reply) => writeBlob(deps, request, reply));
  });
};

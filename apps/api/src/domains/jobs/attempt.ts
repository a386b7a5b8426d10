import { randomBytes } from 'node:crypto';
import {
  type EndpointInput,
  type EndpointResponse,
  type finalizeJob as finalizeJobEndpoint,
  type JobId,
  maxPreviewBytes,
  type ProgressRequest,
  type ProgressResponse,
  type requestUploads as requestUploadsEndpoint,
  type TeamId,
} from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import { AppError } from '../../platform/app-error.ts';
import { signBlobLink } from '../../platform/blob-links.ts';
import { findExtension } from '../../platform/content-types.ts';
import type { Tx } from '../../platform/db.ts';
import { newId } from '../../platform/ids.ts';
import { claimUploads, insertAssets, insertUploads } from '../assets/index.ts';
import { endAttempt, findLeasedJob, renewLease } from './lease-queries.ts';
import { maxUploadBytes } from './lease-terms.ts';

const refuse = (path: string, message: string): never => {
  throw new AppError('request.invalid', { details: { fields: [{ path, message }] } });
};

const decodePreview = (preview: NonNullable<ProgressRequest['preview']>): Buffer => {
  const image = Buffer.from(preview.base64, 'base64');
  if (image.length > maxPreviewBytes) refuse('preview.base64', `Use at most ${maxPreviewBytes} bytes.`);
  return image;
};

/** Renews the lease and passes progress and preview on to whoever watches. The preview is never stored. */
export const reportProgress = (
  deps: Pick<Deps, 'db' | 'bus'>,
  jobId: JobId,
  { attempt, progress, preview }: ProgressRequest,
): Promise<ProgressResponse> => {
  const image = preview && decodePreview(preview);
  return deps.db.tx('system', async (tx, onCommit) => {
    const { directive, teamId } = await renewLease(tx, { jobId, attempt, progress });
    if (teamId !== null) {
      onCommit(() => {
        deps.bus.publish('job.progress', { teamId, jobId, attempt, progress });
        if (!preview || !image) return;
        const { contentType } = preview;
        const header = { type: 'job.preview', jobId, attempt, step: progress.step, contentType } as const;
        deps.bus.publish('job.preview', { teamId, header, image });
      });
    }
    return { directive };
  });
};

type UploadRequest = EndpointInput<typeof requestUploadsEndpoint>['body'];

const planUpload = (file: UploadRequest['files'][number], { teamId, jobId }: { teamId: TeamId; jobId: JobId }) => {
  const extension = findExtension(file.contentType);
  if (extension === null) return refuse('files', `${file.contentType} cannot be stored; send PNG, JPEG or WebP.`);
  if (file.sizeBytes > maxUploadBytes) throw new AppError('blob.too_large', { details: { maxBytes: maxUploadBytes } });
  return { ...file, blobKey: `outputs/${teamId}/${jobId}/${randomBytes(12).toString('hex')}.${extension}` };
};

/** Signed addresses for the files of a live attempt. Throws `job.lease_lost`. */
export const requestUploads = (
  deps: Pick<Deps, 'db' | 'config'>,
  jobId: JobId,
  { attempt, files }: UploadRequest,
): Promise<EndpointResponse<typeof requestUploadsEndpoint>> =>
  deps.db.tx('system', async (tx) => {
    const job = await findLeasedJob(tx, jobId);
    if (job?.state !== 'running' || job.attempt !== attempt) throw new AppError('job.lease_lost');
    const teamId = job.team_id;
    const planned = files.map((file) => planUpload(file, { teamId, jobId }));
    await insertUploads(
      tx,
      planned.map(({ blobKey }) => ({ blob_key: blobKey, team_id: teamId, job_id: jobId, attempt })),
    );
    return {
      uploads: planned.map(({ blobKey, sha256, sizeBytes, contentType }) => ({
        blobKey,
        url: signBlobLink(deps.config, { kind: 'write', key: blobKey, sha256, sizeBytes, contentType }),
      })),
    };
  });

type Finalize = EndpointInput<typeof finalizeJobEndpoint>['body'];
type LeasedJob = NonNullable<Awaited<ReturnType<typeof findLeasedJob>>>;

/** Throws when an output names a file that this attempt did not put, or that is not there whole. */
const checkOutputs = async ({ blob }: Pick<Deps, 'blob'>, tx: Tx, job: LeasedJob, { attempt, outputs }: Finalize) => {
  const keys = outputs.map((output) => output.blobKey);
  const own = await claimUploads(tx, { jobId: job.id, attempt, keys });
  for (const [index, { blobKey, sizeBytes }] of outputs.entries()) {
    if (!own.has(blobKey) || keys.indexOf(blobKey) !== index) {
      refuse(`outputs.${index}.blobKey`, 'Name each file that was asked for with /uploads in this attempt once.');
    }
    const file = await blob.find(blobKey);
    if (file?.sizeBytes !== sizeBytes) throw new AppError('blob.not_found', { details: { blobKey } });
  }
};

const storeOutputs = async (deps: Pick<Deps, 'blob'>, tx: Tx, job: LeasedJob, body: Finalize): Promise<void> => {
  await checkOutputs(deps, tx, job, body);
  await insertAssets(
    tx,
    body.outputs.map((output, position) => ({
      id: newId('ast'),
      team_id: job.team_id,
      user_id: job.user_id,
      job_id: job.id,
      node_id: output.nodeId,
      position,
      blob_key: output.blobKey,
      content_type: output.contentType,
      size_bytes: output.sizeBytes,
      sha256: output.sha256,
      width: output.width,
      height: output.height,
      params: job.params && JSON.stringify(job.params),
      is_kept: output.isKept,
    })),
  );
};

/**
 * Ends one attempt in one transaction: fence, state, slot, pictures and events; credits will be settled in it too. A
 * repeat gets the first answer, an attempt that lost its lease is not accepted and stores nothing.
 */
export const finalizeJob = (
  deps: Pick<Deps, 'db' | 'bus' | 'blob'>,
  jobId: JobId,
  body: Finalize,
): Promise<EndpointResponse<typeof finalizeJobEndpoint>> =>
  deps.db.tx('system', async (tx, onCommit) => {
    const { outputs, status: outcome, ...ending } = body;
    const { verdict, state } = await endAttempt(tx, { ...ending, jobId, outcome });
    if (verdict !== 'settled') return { accepted: verdict === 'repeated' };
    const job = await findLeasedJob(tx, jobId);
    if (!job) throw new AppError('job.not_found');
    if (state === 'succeeded') await storeOutputs(deps, tx, job, body);
    onCommit(() => {
      deps.bus.publish('team.changed', { teamId: job.team_id });
      deps.bus.publish('queue.ready', { queue: job.queue });
    });
    return { accepted: true };
  });

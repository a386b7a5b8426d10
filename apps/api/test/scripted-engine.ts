import { createHash } from 'node:crypto';
import {
  claimLeases,
  type EndpointRequest,
  type EngineModel,
  type FinalizeRequest,
  finalizeJob,
  type JobId,
  type JobProgress,
  type Lease,
  type ProgressRequest,
  registerEngine,
  reportProgress,
  requestUploads,
} from '@studio/contracts';
import { testCatalogue } from '@studio/graph/catalogue.fixture';
import { engineToken, type TestStudio } from './studio.ts';

export const starterModel: EngineModel = {
  name: 'starter.safetensors',
  title: 'Starter',
  kind: 'checkpoint',
  family: 'sd1',
  sha256: 'a'.repeat(64),
  sizeBytes: 1_000,
  license: 'CC0-1.0',
  defaults: { width: 128, height: 128, steps: 12, cfg: 4, sampler: 'euler', scheduler: 'karras' },
  problem: null,
};

/** A PNG in name only: the api stores bytes, it does not decode them. */
export const pictureBytes = (text: string): Buffer => Buffer.from(`picture ${text}`);

const sampling = (step: number): JobProgress => ({ stage: 'sampling', step, steps: 12, nodeId: '5', etaMs: 1_000 });

type ClaimBody = EndpointRequest<typeof claimLeases>['body'];

const token = engineToken;

interface Registered {
  readonly name: string;
  readonly models: readonly EngineModel[];
  readonly heldJobs?: readonly JobId[];
}

const register = async (studio: TestStudio, { name, models, heldJobs = [] }: Registered) => {
  const body = {
    name,
    version: '1.0.0',
    device: 'cpu',
    dtype: 'float32',
    memoryBytes: 1_000_000,
    queues: ['default'],
    slots: 1,
    nodeCatalogue: testCatalogue,
    models: [...models],
    heldJobs: [...heldJobs],
  };
  return (await studio.call(registerEngine, { token, body })).engineId;
};

type Output = FinalizeRequest['outputs'][number];

/** Announces files, puts them to their signed addresses and returns them as a finalize names them. */
const upload = async (studio: TestStudio, { jobId, attempt }: Lease, files: readonly Buffer[]): Promise<Output[]> => {
  const announced = files.map((bytes) => ({
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sizeBytes: bytes.length,
    contentType: 'image/png',
  }));
  const body = { attempt, files: announced };
  const { uploads } = await studio.call(requestUploads, { token, params: { id: jobId }, body });
  for (const [index, { url }] of uploads.entries()) {
    const headers = { 'content-type': 'image/png' };
    const answer = await studio.app.inject({ method: 'PUT', url, headers, payload: files[index] ?? Buffer.alloc(0) });
    if (answer.statusCode !== 204) throw new Error(`upload answered ${answer.statusCode}: ${answer.body}`);
  }
  return announced.map((file, index) => ({
    ...file,
    nodeId: '7',
    index,
    blobKey: uploads[index]?.blobKey ?? '',
    width: 128,
    height: 128,
    isKept: true,
  }));
};

const goodEnd = {
  status: 'succeeded',
  outputs: [],
  texts: {},
  error: null,
  nodeErrors: {},
  isRetryable: false,
  engineSeconds: 1.5,
} as const;

/** Speaks the Lease API over HTTP as an engine does; the test decides what it does next. */
export const openScriptedEngine = async (studio: TestStudio, { name = 'local-0', models = [starterModel] } = {}) => {
  const engineId = await register(studio, { name, models });
  const claimMany = async (change: Partial<ClaimBody> = {}): Promise<Lease[]> => {
    const body = { engineId, queues: ['default'], loadedModels: [], slots: 1, waitMs: 0, ...change };
    return (await studio.call(claimLeases, { token, body })).leases;
  };
  const claim = async (change: Partial<ClaimBody> = {}): Promise<Lease | null> => (await claimMany(change))[0] ?? null;
  const finalize = async ({ jobId, attempt }: Lease, change: Partial<FinalizeRequest> = {}): Promise<boolean> => {
    const body = { ...goodEnd, outputs: [], attempt, ...change };
    return (await studio.call(finalizeJob, { token, params: { id: jobId }, body })).accepted;
  };
  return {
    engineId,
    claim,
    /** Claims as many as `slots` says. */
    claimMany,
    finalize,
    /** As its process does when it starts, or finds that the api no longer knows it. */
    register: (heldJobs: readonly JobId[] = []) => register(studio, { name, models, heldJobs }),
    upload: (lease: Lease, files: readonly Buffer[]) => upload(studio, lease, files),
    /** Claims what must be there. */
    take: async (change: Partial<ClaimBody> = {}): Promise<Lease> => {
      const lease = await claim(change);
      if (!lease) throw new Error('There was nothing to claim.');
      return lease;
    },
    progress: async ({ jobId, attempt }: Lease, step = 1, preview: ProgressRequest['preview'] = null) => {
      const body = { attempt, progress: sampling(step), preview };
      return (await studio.call(reportProgress, { token, params: { id: jobId }, body })).directive;
    },
    /** Uploads one picture per text and ends the attempt as a good engine does. */
    complete: async (lease: Lease, texts: readonly string[] = ['one']) =>
      finalize(lease, { outputs: await upload(studio, lease, texts.map(pictureBytes)) }),
  };
};

export type ScriptedEngine = Awaited<ReturnType<typeof openScriptedEngine>>;

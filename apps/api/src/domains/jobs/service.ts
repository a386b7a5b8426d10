import {
  type EndpointInput,
  type EndpointResponse,
  type Graph,
  type Job,
  type JobId,
  type JobStatusView,
  jobIdSchema,
  type listJobs as listJobsEndpoint,
} from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import type { Actor } from '../../platform/actor.ts';
import { AppError } from '../../platform/app-error.ts';
import type { Tx } from '../../platform/db.ts';
import { readCursor, toPage } from '../../platform/paging.ts';
import { recordAudit } from '../audit/index.ts';
import { getKnownNodes } from '../models/index.ts';
import { checkGraph, listGraphImages } from './check-graph.ts';
import { enqueue } from './enqueue.ts';
import { presentJobStatus } from './present.ts';
import * as queries from './queries.ts';
import { positionsFor, presentJobs } from './read.ts';

type ReadDeps = Pick<Deps, 'db' | 'bus' | 'config'>;

export const createJob = (deps: Pick<Deps, 'db' | 'bus'>, actor: Actor, graph: Graph): Promise<Job> =>
  deps.db.tx({ teamId: actor.teamId }, async (tx, onCommit) => {
    const nodes = await getKnownNodes(tx);
    const nodeErrors = checkGraph({ graph, nodes, images: await listGraphImages(tx, actor.teamId, graph) });
    return enqueue(deps, { tx, onCommit, actor }, { graph, params: null, nodeErrors });
  });

const getRow = async (tx: Tx, { teamId }: Actor, id: JobId): Promise<queries.JobRow> => {
  const row = await queries.findJob(tx, teamId, id);
  if (!row) throw new AppError('job.not_found');
  return row;
};

const presentOne = async (deps: ReadDeps, tx: Tx, row: queries.JobRow): Promise<Job> => {
  const [job] = await presentJobs(deps, tx, { teamId: row.team_id, rows: [row] });
  if (!job) throw new AppError('job.not_found');
  return job;
};

export const getJob = (deps: ReadDeps, actor: Actor, id: JobId): Promise<Job> =>
  deps.db.tx({ teamId: actor.teamId }, async (tx) => presentOne(deps, tx, await getRow(tx, actor, id)));

export const getJobStatus = (deps: Pick<Deps, 'db' | 'bus'>, actor: Actor, id: JobId): Promise<JobStatusView> =>
  deps.db.tx({ teamId: actor.teamId }, async (tx) => {
    const row = await getRow(tx, actor, id);
    const positions = await positionsFor(deps, tx, { teamId: actor.teamId, rows: [row] });
    return presentJobStatus(row, positions.get(id) ?? 1);
  });

export const listJobs = (
  deps: ReadDeps,
  { teamId }: Actor,
  { cursor, limit, status }: EndpointInput<typeof listJobsEndpoint>['query'],
): Promise<EndpointResponse<typeof listJobsEndpoint>> =>
  deps.db.tx({ teamId }, async (tx) => {
    const before = readCursor(jobIdSchema, cursor);
    const rows = await queries.listJobs(tx, { teamId, status, before, limit: limit + 1 });
    const { items, nextCursor } = toPage(rows, limit);
    return { items: await presentJobs(deps, tx, { teamId, rows: items }), nextCursor };
  });

/** A waiting job ends at once; a running one is told to stop at its next report. Safe to repeat. */
export const cancelJob = (deps: ReadDeps, actor: Actor, id: JobId): Promise<Job> =>
  deps.db.tx({ teamId: actor.teamId }, async (tx, onCommit) => {
    const { teamId, userId } = actor;
    const verdict = await queries.cancelJob(tx, teamId, id);
    if (verdict === 'missing') throw new AppError('job.not_found');
    if (verdict === 'finished') throw new AppError('job.finished');
    if (verdict !== 'repeated') {
      await recordAudit(tx, { action: 'job.cancel', teamId, userId, subjectId: id });
      onCommit(() => deps.bus.publish('team.changed', { teamId }));
    }
    return presentOne(deps, tx, await getRow(tx, actor, id));
  });

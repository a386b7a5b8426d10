import type { Graph, Job, NodeErrors, ResolvedTxt2imgParams } from '@studio/contracts';
import { estimateCost, findMainModel } from '@studio/graph';
import type { Deps } from '../../deps.ts';
import type { Actor } from '../../platform/actor.ts';
import { AppError } from '../../platform/app-error.ts';
import type { OnCommit, Tx } from '../../platform/db.ts';
import { newId } from '../../platform/ids.ts';
import { recordAudit } from '../audit/index.ts';
import { defaultQueue } from './lease-terms.ts';
import { estimatePosition } from './position.ts';
import { presentJob } from './present.ts';
import { enqueueJob } from './queries.ts';
import { getQueueLoad } from './queue-load.ts';

interface Open {
  readonly tx: Tx;
  readonly onCommit: OnCommit;
  readonly actor: Actor;
}

interface Request {
  readonly graph: Graph;
  /** Null for a graph that the user made. */
  readonly params: ResolvedTxt2imgParams | null;
  /** Nodes of the graph that cannot run while others can. */
  readonly nodeErrors: NodeErrors;
}

/**
 * Enters a validated graph in the caller's transaction: job, lane, event and audit record become durable together. The
 * hold on credits will be placed in the same transaction. Throws `job.queue_full`.
 */
export const enqueue = async (
  { bus }: Pick<Deps, 'bus'>,
  { tx, onCommit, actor }: Open,
  { graph, params, nodeErrors }: Request,
): Promise<Job> => {
  const { teamId, userId } = actor;
  const id = newId('job');
  const kind = params ? 'txt2img' : 'graph';
  const queue = defaultQueue;
  const cost = estimateCost(graph);
  const model = findMainModel(graph) ?? '';
  await recordAudit(tx, { action: 'job.create', teamId, userId, subjectId: id, details: { kind } });
  const load = await getQueueLoad({ bus }, tx, queue);
  // Last, because it locks the team's row until the commit: each statement after it would hold up the whole team.
  const entered = await enqueueJob(tx, { id, teamId, userId, kind, queue, model, cost, graph, params, nodeErrors });
  if (!entered) throw new AppError('job.queue_full');
  onCommit(() => {
    bus.publish('queue.ready', { queue });
    bus.publish('team.changed', { teamId });
  });
  const row = {
    id,
    team_id: teamId,
    kind,
    queue,
    cost,
    params,
    state: 'queued',
    attempt: 0,
    is_cancel_requested: false,
    progress: null,
    error: null,
    node_errors: nodeErrors,
    texts: {},
    created_at: entered.created_at,
    started_at: null,
    finished_at: null,
  } as const;
  return presentJob(row, {
    position: estimatePosition(load, { teamId, ahead: entered.waiting - 1, cost }),
    assets: [],
  });
};

/** What one team has waiting, in the units of the queue: `tag` in cost / weight. */
export interface TeamLoad {
  readonly teamId: string;
  readonly queued: number;
  readonly tag: number;
  readonly weight: number;
}

interface Place {
  readonly teamId: string;
  /** Jobs of the same team that run before it. */
  readonly ahead: number;
  readonly cost: number;
}

/**
 * Place in line, 1 = next, if nothing else is enqueued and all jobs cost alike. The job runs when its team's tag has
 * moved by the jobs ahead of it; until then each other team gets as many jobs as its own tag has room for.
 */
export const estimatePosition = (load: readonly TeamLoad[], { teamId, ahead, cost }: Place): number => {
  const own = load.find((team) => team.teamId === teamId);
  const tag = own?.tag ?? load.reduce((least, team) => Math.min(least, team.tag), Number.POSITIVE_INFINITY);
  const runsAt = Number.isFinite(tag) ? tag + (ahead * cost) / (own?.weight ?? 1) : 0;
  let position = 1 + ahead;
  for (const team of load) {
    if (team.teamId === teamId || team.tag >= runsAt) continue;
    position += Math.min(team.queued, Math.ceil(((runsAt - team.tag) * team.weight) / cost));
  }
  return position;
};

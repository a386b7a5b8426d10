import type { Graph } from '@studio/contracts';
import { sourceIds } from './links.ts';

interface Frame {
  readonly id: string;
  readonly sources: readonly string[];
  next: number;
}

/**
 * One cycle as node ids in link order, or null. Depth-first with an explicit stack: linear in nodes + links, and a
 * chain of any length cannot overflow the call stack.
 */
export const findCycle = (graph: Graph): string[] | null => {
  const finished = new Set<string>();
  const onPath = new Set<string>();
  for (const root of Object.keys(graph)) {
    if (finished.has(root)) continue;
    const path: Frame[] = [];
    const enter = (id: string) => {
      const node = graph[id];
      onPath.add(id);
      path.push({ id, sources: node ? sourceIds(graph, node) : [], next: 0 });
    };
    enter(root);
    for (let frame = path.at(-1); frame; frame = path.at(-1)) {
      const source = frame.sources[frame.next++];
      if (source === undefined) {
        finished.add(frame.id);
        onPath.delete(frame.id);
        path.pop();
      } else if (onPath.has(source)) {
        const ids = path.map(({ id }) => id);
        return ids.slice(ids.indexOf(source));
      } else if (!finished.has(source)) {
        enter(source);
      }
    }
  }
  return null;
};

/** Every id that can be reached from `starts`, which are included, by way of `nextIds`. */
export const reach = (starts: Iterable<string>, nextIds: (id: string) => Iterable<string>): Set<string> => {
  const reached = new Set(starts);
  // A Set visits what is added while it is walked.
  for (const id of reached) for (const next of nextIds(id)) reached.add(next);
  return reached;
};

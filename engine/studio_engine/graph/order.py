"""The order in which a graph can run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from studio_engine.errors import EngineError
from studio_engine.graph.parse import Graph


def run_order(graph: Graph, outputs: Iterable[str]) -> list[str]:
    """Ids of `outputs` and all that they read from, each after its sources. Raises `graph.cycle`.

    Depth first: one output is finished before the next is begun, so that few results are held at a time.
    Links to nowhere are passed over.
    """
    order: dict[str, None] = {}
    on_path: dict[str, Iterator[str]] = {}
    for output in outputs:
        _enter(graph, output, order, on_path=on_path)
        while on_path:
            node_id, sources = next(reversed(on_path.items()))
            source = next(sources, None)
            if source is None:
                del on_path[node_id]
                order[node_id] = None
            else:
                _enter(graph, source, order, on_path=on_path)
    return list(order)


def _enter(graph: Graph, node_id: str, order: Mapping[str, None], *, on_path: dict[str, Iterator[str]]) -> None:
    if node_id in order or node_id not in graph:
        return
    if node_id in on_path:
        path = list(on_path)
        raise EngineError("graph.cycle", details={"nodeIds": path[path.index(node_id) :]})
    on_path[node_id] = iter(graph[node_id].source_ids)


def reach(starts: Iterable[str], next_ids: Callable[[str], Iterable[str]]) -> set[str]:
    """Every id that can be reached from `starts`, which are included."""
    reached = set(starts)
    waiting = list(reached)
    while waiting:
        new = set(next_ids(waiting.pop())) - reached
        reached |= new
        waiting.extend(new)
    return reached

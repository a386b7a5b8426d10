"""The order in which a graph can run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from graphlib import CycleError, TopologicalSorter

from studio_engine.errors import EngineError
from studio_engine.graph.parse import Graph


def run_order(graph: Graph) -> list[str]:
    """Ids, each after the nodes that it reads from. Raises `graph.cycle`. Links to nowhere are passed over."""
    sorter = TopologicalSorter(
        {node.id: [source for source in node.source_ids if source in graph] for node in graph.values()}
    )
    try:
        return list(sorter.static_order())
    except CycleError as error:
        # The first node is repeated as the last.
        cycle: list[str] = error.args[1][:-1]
        raise EngineError("graph.cycle", details={"nodeIds": cycle}) from None


def reach(starts: Iterable[str], next_ids: Callable[[str], Iterable[str]]) -> set[str]:
    """Every id that can be reached from `starts`, which are included."""
    reached = set(starts)
    waiting = list(reached)
    while waiting:
        new = set(next_ids(waiting.pop())) - reached
        reached |= new
        waiting.extend(new)
    return reached


def ancestors(graph: Graph, starts: Iterable[str]) -> set[str]:
    """`starts` and all nodes that they read from, directly or not."""
    return reach(starts, lambda node_id: [source for source in graph[node_id].source_ids if source in graph])

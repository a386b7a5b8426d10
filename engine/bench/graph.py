"""What the graph itself costs: nodes that do nothing, planned and run, then run again from the cache.

Prints one JSON line for each size: milliseconds (median of the repeats), and the cost of a node relative to the
smallest graph's, which stays near 1 where the work is linear in the nodes.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

from studio_engine.graph.cache import ResultCache
from studio_engine.graph.execute import Surroundings, execute
from studio_engine.graph.node import Node, NodeContext, Output, integer, node, registry_of, socket
from studio_engine.graph.parse import parse_graph
from studio_engine.graph.plan import Planner
from studio_engine.graph.validate import validate_graph


@node(title="Begin", category="bench", outputs=(Output("ANY"),))
class Begin(Node):
    """Gives its number."""

    number: int = integer(default=0)

    def run(self, ctx: NodeContext) -> tuple[int]:
        return (self.number,)


@node(title="Pass", category="bench", outputs=(Output("ANY"),))
class Pass(Node):
    """Gives what it gets."""

    a: object = socket("ANY")
    b: object = socket("ANY")
    number: int = integer(default=0, min=0, max=10**9)

    def run(self, ctx: NodeContext) -> tuple[object]:
        return (self.a,)


@node(title="End", category="bench", is_output=True)
class End(Node):
    """Takes a value."""

    a: object = socket("ANY")

    def run(self, ctx: NodeContext) -> tuple[()]:
        return ()


NODES = registry_of((Begin, Pass, End))


class Context:
    """A NodeContext for nodes that need nothing."""

    def check_cancelled(self) -> None: ...


def graph_of(count: int, seed: int) -> Mapping[str, object]:
    """A deep chain with links far back. `seed` makes it another one."""
    graph: dict[str, object] = {"0": {"class_type": "Begin", "inputs": {"number": seed}}}
    for i in range(1, count - 1):
        inputs = {"a": [str(i - 1), 0], "b": [str(max(0, i - 17)), 0], "number": i}
        graph[str(i)] = {"class_type": "Pass", "inputs": inputs}
    graph[str(count - 1)] = {"class_type": "End", "inputs": {"a": [str(count - 2), 0]}}
    return graph


def run(graph: Mapping[str, object], cache: ResultCache) -> float:
    """Milliseconds from the JSON value to the end."""
    context: Any = Context()
    started = time.perf_counter()
    valid = validate_graph(parse_graph(graph), NODES, lambda folder: None)
    planner = Planner(NODES, "bench", lambda folder, name: "")
    execute(
        planner.plan(valid.graph),
        Surroundings(planner, cache, context_of=lambda step: context, explain=lambda error: None),
    )
    return (time.perf_counter() - started) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    # As the engine does at its start.
    gc.freeze()
    smallest = None
    for count in (200, 1_000):
        cache = ResultCache(10**8)
        fresh, cached = [], []
        for seed in range(repeats):
            graph = graph_of(count, seed)
            fresh.append(run(graph, cache))
            cached.append(run(graph, cache))
        fresh_ms, cached_ms = statistics.median(fresh), statistics.median(cached)
        smallest = smallest or fresh_ms / count
        line = {
            "nodes": count,
            "freshMs": round(fresh_ms, 2),
            "cachedMs": round(cached_ms, 2),
            "cachedShare": round(cached_ms / fresh_ms, 2),
            "nodeCostRatio": round(fresh_ms / count / smallest, 2),
        }
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()

"""What to run, in which order, and under which key each result can be found again. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from studio_engine.graph.node import Node, Registry
from studio_engine.graph.parse import Graph, GraphNode, Link

Fingerprint: TypeAlias = Callable[[str, str], str]
"""`(folder, name) -> identity of the file's content`, so that a replaced file is computed anew."""


@dataclass(frozen=True)
class Step:
    """One node to run."""

    node_id: str
    node_class: type[Node]
    constants: Mapping[str, object]
    sources: Mapping[str, tuple[str, int]]
    """Linked inputs: key of the source's result, and the slot in it."""
    key: str
    """Hash of the class, the constants and the sources' keys, within one namespace; never of node ids."""

    @property
    def is_output(self) -> bool:
        """Output nodes have an effect, so they run even where their result is known."""
        return self.node_class.spec.is_output

    @property
    def source_keys(self) -> set[str]:
        return {key for key, _ in self.sources.values()}


def plan(graph: Graph, nodes: Registry, *, namespace: str, fingerprint: Fingerprint) -> list[Step]:
    """Steps in running order for a graph that `validate_graph` returned.

    Results are never shared between namespaces: one tenant cannot learn from timing what another draws.
    """
    # Reading a file's identity may cost a hash of gigabytes.
    scope = namespace, cache(fingerprint)
    keys: dict[str, str] = {}
    steps: list[Step] = []
    for node in graph.values():
        step = _step(node, nodes[node.class_type], keys, scope)
        keys[node.id] = step.key
        steps.append(step)
    return steps


def needed(steps: Sequence[Step], known: Collection[str]) -> list[Step]:
    """The steps left when the results under the `known` keys need no computing, nor what led to them."""
    wanted: set[str] = set()
    kept: list[Step] = []
    for step in reversed(steps):
        if not step.is_output and (step.key not in wanted or step.key in known):
            continue
        wanted |= step.source_keys
        kept.append(step)
    return kept[::-1]


def _step(node: GraphNode, cls: type[Node], keys: Mapping[str, str], scope: tuple[str, Fingerprint]) -> Step:
    namespace, fingerprint = scope
    constants = {name: value for name, value in node.inputs.items() if not isinstance(value, Link)}
    links = {name: value for name, value in node.inputs.items() if isinstance(value, Link)}
    sources = {name: (keys[link.node_id], link.slot) for name, link in links.items()}
    files = {
        name: fingerprint(spec.folder, str(constants[name]))
        for name, spec in cls.spec.inputs.items()
        if spec.folder is not None and name in constants
    }
    content = json.dumps([namespace, cls.spec.name, constants, sources, files], sort_keys=True, separators=(",", ":"))
    return Step(node.id, cls, constants, sources, hashlib.sha256(content.encode()).hexdigest())

"""What to run, in which order, and under which key each result can be found again. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple, TypeAlias

from studio_engine.graph.node import Node, Registry
from studio_engine.graph.parse import Graph, GraphNode, Link

FileIdentity: TypeAlias = Callable[[str, str | None], str]
"""`(folder, name) -> identity of the file's content`, so that a replaced file is computed anew.

Without a name, of all files in the folder: a linked name is not known before the run.
"""


class Source(NamedTuple):
    """Output `slot` of the node with the result `key`."""

    key: str
    slot: int
    node_id: str


@dataclass(frozen=True)
class Step:
    """One node to run."""

    node_id: str
    node_class: type[Node]
    constants: Mapping[str, object]
    sources: Mapping[str, Source]
    key: str
    """Hash of the class, the constants and the sources' keys, within one namespace; not of node ids, but where
    the node sees its id or must not share results with its equals."""
    display_id: str
    """The node of the user's graph that this one belongs to."""

    @property
    def is_output(self) -> bool:
        """Output nodes have an effect, so they run even where their result is known."""
        return self.node_class.spec.is_output

    @property
    def source_keys(self) -> set[str]:
        return {source.key for source in self.sources.values()}

    @cached_property
    def lazy_names(self) -> frozenset[str]:
        """Linked inputs that are computed only when the node asks."""
        inputs = self.node_class.spec.inputs
        return frozenset(name for name in self.sources if inputs[name].is_lazy)


@dataclass(frozen=True)
class Planner:
    """Results are never shared between namespaces: one tenant cannot learn from timing what another draws."""

    nodes: Registry
    namespace: str
    file_identity: FileIdentity
    nonce: str = ""
    """Part of the keys of nodes that must run each time; another one for each run."""

    @cached_property
    def _identity(self) -> FileIdentity:
        """Asked once for each file: reading it may cost a hash of gigabytes."""
        return cache(self.file_identity)

    def plan(self, graph: Graph) -> list[Step]:
        """Steps in running order for a graph that `validate_graph` returned."""
        keys: dict[str, str] = {}
        steps: list[Step] = []
        for node in graph.values():
            step = self.step(node, keys.__getitem__)
            keys[node.id] = step.key
            steps.append(step)
        return steps

    def step(
        self,
        node: GraphNode,
        key_of: Callable[[str], str],
        *,
        display_id: str | None = None,
        named: Mapping[str, object] | None = None,
    ) -> Step:
        """`key_of` knows the nodes that it reads from. `named` stands in the key for constants that are not JSON."""
        cls = self.nodes[node.class_type]
        constants = {name: value for name, value in node.inputs.items() if not isinstance(value, Link)}
        links = {name: value for name, value in node.inputs.items() if isinstance(value, Link)}
        sources = {name: Source(key_of(link.node_id), link.slot, link.node_id) for name, link in links.items()}
        content = [
            self.namespace,
            cls.spec.name,
            constants | dict(named or {}),
            {name: source[:2] for name, source in sources.items()},
            self._files(cls, node.inputs),
            self._identity_of(cls, node.id, constants),
        ]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        key = hashlib.sha256(text.encode()).hexdigest()
        return Step(node.id, cls, constants, sources, key, display_id or node.id)

    def _files(self, cls: type[Node], inputs: Mapping[str, object]) -> dict[str, str]:
        return {
            name: self._identity(folder, None if isinstance(inputs[name], Link) else str(inputs[name]))
            for name, folder in cls.spec.folders.items()
            if name in inputs
        }

    def _identity_of(self, cls: type[Node], node_id: str, constants: Mapping[str, object]) -> list[str]:
        """What tells this node from others with the same inputs."""
        spec = cls.spec
        sees_its_id = "UNIQUE_ID" in spec.hidden.values() or not spec.is_idempotent
        own = [node_id] if sees_its_id else []
        try:
            return [*own, cls.fingerprint(constants)]
        except Exception:
            return [node_id, self.nonce]

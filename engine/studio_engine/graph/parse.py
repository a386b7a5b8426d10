"""ComfyUI's API format: `{"id": {"class_type": …, "inputs": {name: value | [source id, slot]}}}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from studio_engine.errors import EngineError

MAX_NODES: Final = 2_000
"""As in the contracts; planning a graph of this size takes some 20 ms."""


@dataclass(frozen=True)
class Link:
    """Output `slot` of another node."""

    node_id: str
    slot: int


@dataclass(frozen=True)
class BadLink:
    """A list that is no link. ComfyUI takes every bare list for one; the node that holds it cannot run."""

    value: object


@dataclass(frozen=True)
class GraphNode:
    id: str
    class_type: str
    inputs: Mapping[str, object]
    """A `Link`, a `BadLink`, or a JSON constant."""

    @property
    def source_ids(self) -> list[str]:
        return [value.node_id for value in self.inputs.values() if isinstance(value, Link)]


Graph: TypeAlias = Mapping[str, GraphNode]


def parse_graph(raw: object) -> Graph:
    """Raises `graph.invalid` where the JSON value has another shape than a graph."""
    if not isinstance(raw, Mapping) or not raw:
        raise EngineError("graph.invalid", "The graph must be an object with at least one node.")
    if len(raw) > MAX_NODES:
        raise EngineError("graph.invalid", f"The graph has more than {MAX_NODES:,} nodes; split it.")
    return {node.id: node for node in (_parse_node(node_id, value) for node_id, value in raw.items())}


def _parse_node(node_id: object, raw: object) -> GraphNode:
    if not isinstance(node_id, str):
        raise EngineError("graph.invalid", f"Node id {node_id!r} must be text.")
    if not isinstance(raw, Mapping):
        raise _invalid(node_id, "is not an object; give it class_type and inputs.")
    class_type, inputs = raw.get("class_type"), raw.get("inputs", {})
    if not isinstance(class_type, str) or not class_type:
        raise _invalid(node_id, "has no class_type; name the class of the node.")
    if not isinstance(inputs, Mapping) or not all(isinstance(name, str) for name in inputs):
        raise _invalid(node_id, "has inputs that are not an object; give each input by its name.")
    return GraphNode(node_id, class_type, {name: _parse_value(value) for name, value in inputs.items()})


def _invalid(node_id: str, what: str) -> EngineError:
    return EngineError("graph.invalid", f"Node {node_id[:100]} {what}", details={"nodeIds": [node_id]})


def _parse_value(raw: object) -> object:
    if isinstance(raw, Mapping) and "__value__" in raw:
        return raw["__value__"]
    if not isinstance(raw, list):
        return raw
    match raw:
        # bool is an int to Python, but no slot.
        case [str(node_id), int(slot)] if not isinstance(slot, bool) and slot >= 0:
            return Link(node_id, slot)
        case _:
            return BadLink(raw)

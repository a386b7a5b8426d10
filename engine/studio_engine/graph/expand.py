"""A graph that a node gave in its place, made part of the running one."""

from __future__ import annotations

import hashlib
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from studio_engine.errors import EngineError
from studio_engine.graph.check_value import BadValueError, check_value
from studio_engine.graph.inputs import InputSpec
from studio_engine.graph.mapping import Values, values_of
from studio_engine.graph.order import run_order
from studio_engine.graph.parse import GraphNode, Link
from studio_engine.graph.plan import Planner, Source, Step
from studio_engine.graph.result import Expanded

MAX_ID_CHARS: Final = 200


@dataclass(frozen=True)
class Expansion:
    steps: list[Step]
    """In running order."""
    outputs: list[Values | Source]
    """What each output of the node is, or where it comes from."""


@dataclass(frozen=True)
class _Site:
    """Where a graph is put in."""

    planner: Planner
    step: Step
    known: Mapping[str, Step]
    local: Mapping[str, str]
    """Ids within the graph to ids in the whole."""

    def link(self, value: object) -> Link | None:
        match value:
            case Link(node_id, slot):
                pass
            case [str(node_id), int(slot)] if not isinstance(slot, bool) and slot >= 0:
                pass
            case _:
                return None
        whole = self.local.get(node_id, node_id)
        if whole not in self.known and node_id not in self.local:
            raise self.refuse(f"has a link to {node_id[:100]}, which is no node; link to a node of the graph.")
        return Link(whole, slot)

    def refuse(self, what: str) -> EngineError:
        return EngineError("graph.invalid", f"The graph that {self.step.node_class.spec.name} made {what}")


def expand(given: Expanded, step: Step, planner: Planner, *, call: int, known: dict[str, Step]) -> Expansion:
    """Raises `graph.invalid`, `graph.unknown_node` or `graph.cycle`.

    The nodes are called `{node}.{call}.0.{id}`: the same in each run, and none that the user's graph may have. Where
    graphs make graphs these would grow without end; long ones are shortened to a digest.
    `known` are the steps so far, by node id. Keys follow from the content as for any node, so a loop that makes the
    same nodes again finds their results.
    """
    site = _Site(planner, step, known, {each: _id_of(step, call, each) for each in given.graph})
    graph = {node.id: node for node in (_node_of(site, each, raw) for each, raw in given.graph.items())}
    local_ids = {whole: local for local, whole in site.local.items()}
    steps: dict[str, Step] = {}
    sources = ChainMap(steps, known)
    for node_id in run_order(graph, graph):
        node = graph[node_id]
        named = {
            name: ["made by", step.key, call, local_ids[node_id], name]
            for name, value in node.inputs.items()
            if not isinstance(value, Link | str | int | float | bool | None)
        }
        steps[node_id] = planner.step(node, lambda source: sources[source].key, display_id=step.display_id, named=named)
        # A node whose result was let go of may make its graph a second time.
        if node_id in known and known[node_id].key != steps[node_id].key:
            raise site.refuse(f"holds node {node_id[:100]}, which exists already; give each node its own id.")
    _check_slots(site, steps, sources)
    return Expansion(list(steps.values()), _outputs_of(site, given, sources))


def _id_of(step: Step, call: int, local_id: str) -> str:
    whole = f"{step.node_id}.{call}.0.{local_id}"
    if len(whole) <= MAX_ID_CHARS:
        return whole
    return f"{step.display_id}.{call}.0.{hashlib.sha256(whole.encode()).hexdigest()}"


def _node_of(site: _Site, local_id: str, raw: Mapping[str, object]) -> GraphNode:
    node_id, class_type = site.local[local_id], raw.get("class_type")
    if not isinstance(class_type, str) or class_type not in site.planner.nodes:
        raise EngineError("graph.unknown_node", details={"nodeIds": [node_id], "classTypes": [str(class_type)[:200]]})
    given = raw.get("inputs", {})
    if not isinstance(given, Mapping):
        raise site.refuse(f"has inputs in node {node_id[:100]} that are no mapping.")
    inputs: dict[str, object] = {}
    for name, spec in site.planner.nodes[class_type].spec.inputs.items():
        if name in given:
            inputs[name] = site.link(given[name]) or _constant(site, name, given[name], spec=spec)
        elif spec.is_required:
            raise site.refuse(f"lacks the input {name} of node {node_id[:100]}.")
    return GraphNode(node_id, class_type, inputs)


def _constant(site: _Site, name: str, value: object, *, spec: InputSpec) -> object:
    """Values of widgets are read as in any graph; sockets take whatever the node put there."""
    if not spec.is_widget:
        return value
    try:
        return check_value(name, value, spec, list_files=lambda folder: None)
    except BadValueError as bad:
        raise site.refuse(f"has a bad value: {bad.reason.message} ({bad.reason.details}).") from None


def _check_slots(site: _Site, steps: Mapping[str, Step], sources: Mapping[str, Step]) -> None:
    for step in steps.values():
        for source in step.sources.values():
            if source.slot >= len(sources[source.node_id].node_class.spec.outputs):
                raise site.refuse(f"has a link to output {source.slot} of node {source.node_id[:100]}: there is none.")


def _outputs_of(site: _Site, given: Expanded, sources: Mapping[str, Step]) -> list[Values | Source]:
    outputs: list[Values | Source] = []
    for value, declared in zip(given.outputs, site.step.node_class.spec.outputs, strict=True):
        link = site.link(value)
        if link is None:
            outputs.append(values_of(value, is_list=declared.is_list))
            continue
        source = sources[link.node_id]
        if link.slot >= len(source.node_class.spec.outputs):
            raise site.refuse(f"has no output {link.slot} at node {link.node_id[:100]}.")
        outputs.append(Source(source.key, link.slot, link.node_id))
    return outputs

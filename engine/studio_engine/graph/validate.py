"""Whether a graph can run here. The api has checked it too; the engine trusts nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, TypeAlias

from studio_engine.errors import EngineError
from studio_engine.graph.check_value import MAX_LISTED, BadValueError, Reason, check_value
from studio_engine.graph.inputs import InputSpec, ListFiles
from studio_engine.graph.node import Registry
from studio_engine.graph.order import reach, run_order
from studio_engine.graph.parse import BadLink, Graph, GraphNode, Link

MAX_REPORTED: Final = 100
"""As in the contracts; each reported node costs one walk to the outputs that need it."""

NodeErrors: TypeAlias = Mapping[str, Mapping[str, object]]
"""ComfyUI's `node_errors`: by node id, `{errors: [reason], dependent_outputs: [id], class_type}`."""


@dataclass(frozen=True)
class Validated:
    graph: Graph
    """What leads to the outputs that can run, in running order, constants read as declared."""
    node_errors: NodeErrors
    """Why other outputs cannot run."""


def validate_graph(graph: Graph, nodes: Registry, list_files: ListFiles) -> Validated:
    """Raises `graph.unknown_node`, `graph.cycle`, `graph.no_output`, or, where no output can run, `graph.invalid`
    with the node errors in `details.nodeErrors`.
    """
    unknown = [node for node in graph.values() if node.class_type not in nodes]
    if unknown:
        classes = sorted({node.class_type[:200] for node in unknown})[:MAX_LISTED]
        raise EngineError(
            "graph.unknown_node", details={"nodeIds": [node.id for node in unknown], "classTypes": classes}
        )
    outputs = [node.id for node in graph.values() if nodes[node.class_type].spec.is_output]
    if not outputs:
        raise EngineError("graph.no_output")
    order = run_order(graph, outputs)
    # One listing per folder: it may read a disk, and all nodes must see the same.
    listed = cache(list_files)
    checked = {node_id: _NodeCheck(graph, nodes, listed, graph[node_id]).run() for node_id in order}
    reasons = {node_id: bad for node_id, (_, bad) in checked.items() if bad}
    if not reasons:
        return Validated({node_id: node for node_id, (node, _) in checked.items()}, {})
    errors, bad_outputs = _node_errors(graph, reasons, outputs)
    good = [output for output in outputs if output not in bad_outputs]
    if not good:
        raise EngineError("graph.invalid", details={"nodeErrors": errors})
    return Validated({node_id: checked[node_id][0] for node_id in run_order(graph, good)}, errors)


@dataclass(frozen=True)
class _NodeCheck:
    graph: Graph
    nodes: Registry
    list_files: ListFiles
    node: GraphNode

    def run(self) -> tuple[GraphNode, list[dict[str, object]]]:
        """The node with its declared inputs only, and all reasons why it cannot run."""
        inputs: dict[str, object] = {}
        reasons: list[dict[str, object]] = []
        for name, spec in self.nodes[self.node.class_type].spec.inputs.items():
            try:
                if name in self.node.inputs:
                    inputs[name] = self._check(name, self.node.inputs[name], spec)
                elif spec.is_required:
                    raise BadValueError(Reason("required_input_missing", "A required input is missing", name))
            except BadValueError as bad:
                reasons.append(self._as_comfy(name, spec, bad.reason))
        if not reasons:
            reasons.extend(self._own_check(inputs))
        return replace(self.node, inputs=inputs), reasons

    def _check(self, name: str, value: object, spec: InputSpec) -> object:
        if isinstance(value, BadLink):
            raise _bad_link(f"{name}: this list is not a link", value.value)
        if not isinstance(value, Link):
            is_own = name in self.nodes[self.node.class_type].spec.checks
            return check_value(name, value, spec, list_files=None if is_own else self.list_files)
        as_list = [value.node_id, value.slot]
        source = self.graph.get(value.node_id)
        if source is None:
            raise _bad_link(f"{name}: there is no node {value.node_id[:100]}", as_list)
        outputs = self.nodes[source.class_type].spec.outputs
        if value.slot >= len(outputs):
            raise _bad_link(f"{name}: node {value.node_id} has no output {value.slot}", as_list)
        received = outputs[value.slot].type
        if not _is_type_match(received, spec.type):
            details = f"{name}: received {received}, wanted {spec.type}"
            extra: dict[str, object] = {"received_type": received, "linked_node": as_list}
            raise BadValueError(Reason("return_type_mismatch", "The linked output has another type", details, extra))
        return value

    def _own_check(self, inputs: Mapping[str, object]) -> Iterator[dict[str, object]]:
        """What the node itself says about its constants."""
        cls = self.nodes[self.node.class_type]
        constants = {name: value for name, value in inputs.items() if not isinstance(value, Link)}
        try:
            sentence = cls.check(constants)
            reason = Reason("custom_validation_failed", "The node refuses its inputs", sentence or "")
        except Exception as error:
            sentence = f"{type(error).__name__}: {error}"[:500]
            message = "The node's own check of its inputs failed"
            reason = Reason("exception_during_validation", message, sentence, {"exception_message": sentence})
        if sentence is not None:
            name = next(iter(cls.spec.checks), None) or next(iter(cls.spec.inputs), "")
            yield self._as_comfy(name, cls.spec.inputs.get(name), reason)

    def _as_comfy(self, name: str, spec: InputSpec | None, reason: Reason) -> dict[str, object]:
        config = spec.as_comfy(self.list_files) if spec is not None else None
        if config and isinstance(config[0], list) and len(config[0]) > MAX_LISTED:
            config = None
        extra = {"input_name": name, "input_config": config, **reason.extra}
        return {"type": reason.type, "message": reason.message, "details": reason.details, "extra_info": extra}


def _bad_link(details: str, value: object) -> BadValueError:
    message = "A link must be [node id, output slot] of a node in the graph"
    return BadValueError(Reason("bad_linked_input", message, details, {"received_value": value}))


def _is_type_match(received: str, wanted: str) -> bool:
    """Equal, or comma-separated sets that share a member; `*` fits all; text fits a list of choices."""
    if received == wanted or "*" in (received, wanted) or (wanted == "COMBO" and received == "STRING"):
        return True
    return not {each.strip() for each in received.split(",")}.isdisjoint(each.strip() for each in wanted.split(","))


def dependents_of(graph: Graph) -> Mapping[str, list[str]]:
    """For each node the ids of those that read from it."""
    readers: defaultdict[str, list[str]] = defaultdict(list)
    for node in graph.values():
        for source in node.source_ids:
            readers[source].append(node.id)
    return readers


def _node_errors(
    graph: Graph, reasons: Mapping[str, list[dict[str, object]]], outputs: Iterable[str]
) -> tuple[dict[str, dict[str, object]], set[str]]:
    """The report, and all outputs that cannot run."""
    readers = dependents_of(graph)

    def read_by(node_id: str) -> list[str]:
        return readers.get(node_id, [])

    bad_outputs = reach(reasons, read_by).intersection(outputs)
    reported = {
        node_id: {
            "errors": each,
            "dependent_outputs": sorted(reach([node_id], read_by).intersection(bad_outputs)),
            "class_type": graph[node_id].class_type,
        }
        for node_id, each in list(reasons.items())[:MAX_REPORTED]
    }
    return reported, bad_outputs

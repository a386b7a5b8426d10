"""Whether a graph can run here. The api has checked it too; the engine trusts nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

from studio_engine.errors import EngineError
from studio_engine.graph.check_value import MAX_LISTED, BadValueError, Reason, check_value
from studio_engine.graph.inputs import InputSpec, ListFiles
from studio_engine.graph.node import Registry
from studio_engine.graph.order import ancestors, reach, run_order
from studio_engine.graph.parse import BadLink, Graph, GraphNode, Link


def validate_graph(graph: Graph, nodes: Registry, list_files: ListFiles) -> Graph:
    """The part of the graph that leads to outputs, in running order, constants read as declared.

    Raises `graph.unknown_node`, `graph.cycle`, `graph.no_output`, or `graph.invalid` with ComfyUI's
    `node_errors` in `details.nodeErrors`.
    """
    unknown = [node for node in graph.values() if node.class_type not in nodes]
    if unknown:
        classes = sorted({node.class_type[:200] for node in unknown})[:MAX_LISTED]
        raise EngineError(
            "graph.unknown_node", details={"nodeIds": [node.id for node in unknown], "classTypes": classes}
        )
    order = run_order(graph)
    outputs = [node.id for node in graph.values() if nodes[node.class_type].spec.is_output]
    if not outputs:
        raise EngineError("graph.no_output")
    needed = ancestors(graph, outputs)
    # One listing per folder: it may read a disk, and all nodes must see the same.
    listed = cache(list_files)
    checks = [_NodeCheck(graph, nodes, listed, graph[node_id]) for node_id in order if node_id in needed]
    checked = {check.node.id: check.run() for check in checks}
    errors = {node_id: reasons for node_id, (_, reasons) in checked.items() if reasons}
    if errors:
        raise EngineError("graph.invalid", details={"nodeErrors": _node_errors(graph, errors, outputs)})
    return {node_id: node for node_id, (node, _) in checked.items()}


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
        return replace(self.node, inputs=inputs), reasons

    def _check(self, name: str, value: object, spec: InputSpec) -> object:
        if isinstance(value, BadLink):
            raise _bad_link(f"{name}: this list is not a link", value.value)
        if not isinstance(value, Link):
            return check_value(name, value, spec, self.list_files)
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

    def _as_comfy(self, name: str, spec: InputSpec, reason: Reason) -> dict[str, object]:
        kind, settings = spec.as_comfy(self.list_files)
        is_long = isinstance(kind, list) and len(kind) > MAX_LISTED
        config = None if is_long else [kind, settings]
        extra = {"input_name": name, "input_config": config, **reason.extra}
        return {"type": reason.type, "message": reason.message, "details": reason.details, "extra_info": extra}


def _bad_link(details: str, value: object) -> BadValueError:
    message = "A link must be [node id, output slot] of a node in the graph"
    return BadValueError(Reason("bad_linked_input", message, details, {"received_value": value}))


def _is_type_match(received: str, wanted: str) -> bool:
    """Equal, or comma-separated sets that share a member; `*` fits all; text fits a list of choices."""
    if "*" in (received, wanted) or (wanted == "COMBO" and received == "STRING"):
        return True
    return not {each.strip() for each in received.split(",")}.isdisjoint(each.strip() for each in wanted.split(","))


def _node_errors(
    graph: Graph, errors: dict[str, list[dict[str, object]]], outputs: Iterable[str]
) -> dict[str, dict[str, object]]:
    consumers: defaultdict[str, list[str]] = defaultdict(list)
    for node in graph.values():
        for source in node.source_ids:
            consumers[source].append(node.id)
    # Each reported node costs one walk to the outputs that need it.
    reported = list(errors.items())[:100]
    return {
        node_id: {
            "errors": reasons,
            "dependent_outputs": sorted(reach([node_id], lambda each: consumers[each]).intersection(outputs)),
            "class_type": graph[node_id].class_type,
        }
        for node_id, reasons in reported
    }

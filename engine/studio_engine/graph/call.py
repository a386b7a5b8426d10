"""Runs one node: its arguments, once for each member of a list, and what it gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from studio_engine.errors import EngineError
from studio_engine.graph.check_value import check_linked
from studio_engine.graph.mapping import Values, blocked_in, calls_of, values_of
from studio_engine.graph.measure import is_finite, versions
from studio_engine.graph.node import Node, NodeContext, NodeSpec
from studio_engine.graph.plan import Step
from studio_engine.graph.result import Blocked, Expanded, Result


@dataclass
class Answer:
    """What all runs of a node gave together."""

    parts: list[Sequence[Values] | Expanded] = field(default_factory=list)
    """One for each run: values by output, or a graph to run instead."""
    ui: dict[str, list[object]] = field(default_factory=dict)
    block_message: str | None = None
    """Of an input that was blocked with a message."""


class ChangedInputError(EngineError):
    """What other nodes read, and the cache holds, is no longer what it was."""

    def __init__(self, name: str) -> None:
        super().__init__("engine.internal", f"{name} changed its input in place; its code is wrong.")


def call(step: Step, inputs: Mapping[str, Values], ctx: NodeContext) -> Answer:
    """Raises whatever the node raises, `engine.non_finite`, and `engine.internal` where its code is wrong."""
    spec = step.node_class.spec
    answer = Answer()
    # The prompt is no tensor, and reading all of it for each output node takes seconds in a graph of 900.
    watched = [values for name, values in inputs.items() if name not in spec.hidden]
    before = versions(watched)
    for arguments in calls_of(inputs, takes_lists=spec.takes_lists):
        ctx.check_cancelled()
        blocked = blocked_in(arguments, takes_lists=spec.takes_lists)
        if blocked is None:
            for name in step.sources:
                check_linked(name, arguments[name], spec.inputs[name])
            given = instance_of(step.node_class, arguments).run(ctx)
            answer.parts.append(_part_of(given, spec, answer))
            continue
        answer.block_message = answer.block_message or blocked.message
        # The message is told here; what follows is skipped without another word.
        answer.parts.append([(Blocked(),) for _ in spec.outputs])
    if versions(watched) != before:
        raise ChangedInputError(spec.name)
    return answer


def wanted_of(step: Step, inputs: Mapping[str, Values]) -> set[str]:
    """Lazy inputs that any run of the node still asks for."""
    spec = step.node_class.spec
    names: set[str] = set()
    for arguments in calls_of(inputs, takes_lists=spec.takes_lists):
        if blocked_in(arguments, takes_lists=spec.takes_lists) is None:
            names.update(instance_of(step.node_class, arguments).wanted())
    return names


def instance_of(cls: type[Node], arguments: Mapping[str, object]) -> Node:
    gathered = cls.spec.gathered
    if not gathered:
        return cls(**arguments)
    fields: dict[str, object] = {name: value for name, value in arguments.items() if name not in gathered}
    groups: dict[str, dict[str, object]] = {name: {} for name in gathered.values()}
    for name, value in arguments.items():
        if name in gathered:
            groups[gathered[name]][name] = value
    return cls(**fields, **groups)


def _part_of(given: object, spec: NodeSpec, answer: Answer) -> Sequence[Values] | Expanded:
    if isinstance(given, Result | Expanded):
        for name, members in given.ui.items():
            answer.ui.setdefault(name, []).extend(members)
    outputs = given.outputs if isinstance(given, Result | Expanded) else given
    if not isinstance(outputs, tuple):
        raise EngineError("engine.internal", f"{spec.name} gave no tuple of outputs; its code is wrong.")
    if len(outputs) != len(spec.outputs):
        message = f"{spec.name} gave {len(outputs)} outputs instead of {len(spec.outputs)}; its code is wrong."
        raise EngineError("engine.internal", message)
    if not is_finite(outputs):
        raise EngineError("engine.non_finite")
    if isinstance(given, Expanded):
        return given
    return [values_of(value, is_list=declared.is_list) for value, declared in zip(outputs, spec.outputs, strict=True)]

"""Lists on links, as ComfyUI has them: a node runs once for each member, unless it takes lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from studio_engine.errors import EngineError
from studio_engine.graph.node import NodeSpec
from studio_engine.graph.result import Blocked

Values: TypeAlias = tuple[object, ...]
"""What one output holds: one value, or several where a node gave a list."""
Outputs: TypeAlias = tuple[Values, ...]
"""One entry per declared output."""


def calls_of(inputs: Mapping[str, Values], *, takes_lists: bool) -> list[Mapping[str, object]]:
    """The arguments of each run: as many runs as the longest list has members; shorter lists repeat their last.

    Raises `engine.node_failed` for an empty list, which says nothing about how often to run.
    """
    if takes_lists:
        return [{name: list(values) for name, values in inputs.items()}]
    empty = [name for name, values in inputs.items() if not values]
    if empty:
        raise EngineError("engine.node_failed", f"Input {empty[0]} got an empty list; give it at least one value.")
    count = max((len(values) for values in inputs.values()), default=1)
    return [{name: values[min(i, len(values) - 1)] for name, values in inputs.items()} for i in range(count)]


def blocked_in(call: Mapping[str, object], *, takes_lists: bool) -> Blocked | None:
    """The first input that says that this run must not happen."""
    for value in call.values():
        members = value if takes_lists and isinstance(value, list) else (value,)
        for member in members:
            if isinstance(member, Blocked):
                return member
    return None


def merge(parts: Iterable[Sequence[Values]], spec: NodeSpec) -> Outputs:
    """The outputs of all runs, one after the other."""
    merged: list[list[object]] = [[] for _ in spec.outputs]
    for part in parts:
        for values, more in zip(merged, part, strict=True):
            values.extend(more)
    return tuple(tuple(values) for values in merged)


def values_of(output: object, *, is_list: bool) -> Values:
    """What one run gave at one output. A blocker stands for the whole list."""
    if is_list and not isinstance(output, Blocked):
        if not isinstance(output, list | tuple):
            raise TypeError("an output that is a list holds something else")
        return tuple(output)
    return (output,)

"""What `Node.run` may give besides a plain tuple of outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Blocked:
    """In place of an output: whatever reads it does not run. A message is told to the user once."""

    message: str | None = None


@dataclass(frozen=True)
class Result:
    """Outputs, and what the page shows at the node, e.g. `{"text": ["…"]}`."""

    outputs: tuple[object, ...] = ()
    ui: Mapping[str, Sequence[object]] = field(default_factory=dict)


@dataclass(frozen=True)
class Expanded:
    """A graph to run in place of the node.

    Links name nodes of `graph` by their ids in it, or nodes outside by theirs. Inputs may hold values that are not
    JSON, such as tensors.
    """

    graph: Mapping[str, Mapping[str, object]]
    """ComfyUI's API format."""
    outputs: tuple[object, ...] = ()
    """For each output of the node a value, or a link `[id, slot]`."""
    ui: Mapping[str, Sequence[object]] = field(default_factory=dict)

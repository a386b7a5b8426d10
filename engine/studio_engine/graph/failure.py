"""What is told about a node that failed: where, with which inputs, and what to do."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.graph.mapping import Values
from studio_engine.graph.plan import Step
from studio_engine.graph.validate import MAX_REPORTED

log = logging.getLogger(__name__)

Explain: TypeAlias = Callable[[Exception], EngineError | None]
"""The coded error behind an exception, e.g. for a failed allocation; None = unknown."""

ENDS_THE_JOB: Final = frozenset({"job.cancelled", "job.deadline_exceeded", "job.lease_lost"})
"""Errors that are no failure of a node: nothing else is finished after them."""

_MAX_TEXT: Final = 120
_SIZES = re.compile(r"must match|size of tensor|shape|cannot be multiplied|expected .* channels|sizes of tensors", re.I)


def failure_at(
    step: Step, error: Exception, *, explain: Explain, inputs: Mapping[str, Values] | None = None
) -> EngineError:
    """The coded error, naming the node of the user's graph; `details.inputs` sums up what the node was given.

    It has no cause: the frames of one would hold the node's tensors until somebody reads the error. The log has it.
    """
    if not isinstance(error, EngineError):
        log.warning("%s failed\n%s", step.node_class.spec.name, "".join(traceback.format_exception(error)))
    coded = error if isinstance(error, EngineError) else explain(error) or _node_failed(step, error)
    coded = coded.at_node(step.display_id, step.node_class.spec.name)
    coded.details.setdefault("nodeId", step.display_id)
    coded.details.setdefault("classType", step.node_class.spec.name)
    if inputs is not None:
        coded.details.setdefault("inputs", {name: describe(values) for name, values in inputs.items()})
    return coded


def _node_failed(step: Step, error: Exception) -> EngineError:
    name = step.node_class.spec.name
    if isinstance(error, OverflowError):
        message = (
            f"Node {step.display_id} ({name}) got beyond what numbers can hold; choose values nearer the defaults."
        )
        return EngineError("engine.non_finite", message, details={"reason": str(error)[:500]})
    reason = f"{type(error).__name__}: {error}"[:500]
    advice = (
        "its inputs do not fit together; use pictures, masks and latents of one size, and models of one family."
        if isinstance(error, RuntimeError) and _SIZES.search(reason)
        else "check its inputs."
    )
    message = f"Node {step.display_id} ({name}) failed; {advice} {reason}"
    return EngineError("engine.node_failed", message, details={"reason": reason})


def describe(value: object) -> object:
    """A short account of a value, as JSON: shapes instead of numbers, the begin of a long text."""
    if isinstance(value, tuple | list):
        members = [describe(each) for each in value[:4]]
        return members[0] if len(value) == 1 else [*members, f"{len(value)} in all"] if len(value) > 4 else members
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, str):
        return value if len(value) <= _MAX_TEXT else f"{value[:_MAX_TEXT]}…"
    if value is None or isinstance(value, int | float):
        return value
    return type(value).__name__


@dataclass(frozen=True)
class Failure:
    """A node that failed, and the output nodes that it kept from running."""

    error: EngineError
    outputs: list[str]


def node_errors_of(failures: Mapping[str, Failure]) -> dict[str, dict[str, object]]:
    """In ComfyUI's shape, by node id."""
    return {
        node_id: {
            "errors": [
                {
                    "type": failure.error.code,
                    "message": failure.error.message,
                    "details": str(failure.error.details.get("reason", "")),
                    "extra_info": {"inputs": failure.error.details.get("inputs", {})},
                }
            ],
            "dependent_outputs": failure.outputs,
            "class_type": failure.error.node_class or "",
        }
        for node_id, failure in islice(failures.items(), MAX_REPORTED)
    }

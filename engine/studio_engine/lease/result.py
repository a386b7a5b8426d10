"""The outcome of one attempt, before it is delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from studio_engine.errors import EngineError
from studio_engine.jobs.outputs import OutputFile
from studio_engine.lease import contract


@dataclass(frozen=True)
class JobResult:
    status: Literal["succeeded", "failed", "cancelled"]
    outputs: tuple[OutputFile, ...] = ()
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What nodes show as text, by node id."""
    error: contract.JobError | None = None
    node_errors: Mapping[str, object] = field(default_factory=dict)
    """In the shape of ComfyUI's `node_errors`: nodes that were refused or failed."""
    is_retryable: bool = False
    engine_seconds: float = 0.0


def failed(error: EngineError, engine_seconds: float, *, is_retryable: bool = False) -> JobResult:
    """Failed, or cancelled when that is what the error says."""
    node_errors = error.details.get("nodeErrors")
    return JobResult(
        status="cancelled" if error.code == "job.cancelled" else "failed",
        error=contract.JobError(error.code, error.message, error.node_id, error.node_class),
        node_errors=node_errors if isinstance(node_errors, dict) else {},
        is_retryable=is_retryable,
        engine_seconds=engine_seconds,
    )

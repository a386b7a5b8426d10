"""The outcome of one attempt, before it is delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from studio_engine.errors import EngineError
from studio_engine.lease import contract
from studio_engine.runtime.outputs import OutputFile


@dataclass(frozen=True)
class JobResult:
    status: Literal["succeeded", "failed", "cancelled"]
    outputs: tuple[OutputFile, ...] = ()
    error: contract.JobError | None = None
    is_retryable: bool = False
    engine_seconds: float = 0.0


def failed(error: EngineError, engine_seconds: float, *, is_retryable: bool = False) -> JobResult:
    """Failed, or cancelled when that is what the error says."""
    return JobResult(
        status="cancelled" if error.code == "job.cancelled" else "failed",
        error=contract.JobError(error.code, error.message, error.node_id, error.node_class),
        is_retryable=is_retryable,
        engine_seconds=engine_seconds,
    )

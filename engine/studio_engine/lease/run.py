"""Turns a lease into a result, whatever happens."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from studio_engine.denoise.batcher import Batcher
from studio_engine.errors import EngineError
from studio_engine.jobs.cancel import CancelToken
from studio_engine.jobs.progress import ProgressBoard
from studio_engine.jobs.run import Engine, JobRequest, run_job
from studio_engine.lease import contract
from studio_engine.lease.result import JobResult, failed
from studio_engine.runtime.memory import MemoryPool, as_out_of_memory

log = logging.getLogger(__name__)


class LeaseRunner:
    """A RunJob."""

    def __init__(self, engine: Engine, batcher: Batcher, memory: MemoryPool) -> None:
        self._engine = engine
        self._batcher = batcher
        self._memory = memory

    def __call__(
        self, lease: contract.Lease, inputs: Mapping[str, bytes], board: ProgressBoard, token: CancelToken
    ) -> JobResult:
        started = time.monotonic()
        request = JobRequest(lease.graph, lease.cache_namespace, inputs)
        try:
            with self._batcher.seat(token.check):
                outcome = run_job(self._engine, request, board, token)
        except EngineError as error:
            return self._failed(lease, error, time.monotonic() - started)
        except Exception as error:
            log.exception("%s failed unexpectedly", lease.job_id)
            coded = as_out_of_memory(error) or EngineError("engine.internal")
            return self._failed(lease, coded, time.monotonic() - started)
        if outcome.ran_out_of_memory:
            self._memory.relieve()
        seconds = time.monotonic() - started
        log.info("%s attempt %d: %d outputs, %.2f s", lease.job_id, lease.attempt, len(outcome.outputs), seconds)
        return JobResult(
            "succeeded",
            outcome.outputs,
            texts=outcome.texts,
            node_errors=outcome.node_errors,
            engine_seconds=seconds,
        )

    def _failed(self, lease: contract.Lease, error: EngineError, seconds: float) -> JobResult:
        log.info("%s attempt %d: %s", lease.job_id, lease.attempt, error)
        if error.code == "engine.out_of_memory":
            # The other jobs and the next one must find memory: whatever can be made again goes.
            self._memory.relieve()
        return failed(error, seconds)

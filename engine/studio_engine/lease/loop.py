"""The engine's life: register, take jobs, run them, hand them back, again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import msgspec

from studio_engine.errors import EngineError
from studio_engine.jobs.cancel import CancelToken
from studio_engine.jobs.progress import ProgressBoard
from studio_engine.lease import contract
from studio_engine.lease.client import ApiAwayError, ApiRefusedError, LeaseClient, TokenRefusedError
from studio_engine.lease.deliver import FIRST_PAUSE_S, LONGEST_PAUSE_S, deliver
from studio_engine.lease.report import Reporter
from studio_engine.lease.result import JobResult, failed
from studio_engine.lease.spool import Spool, finalize_request

log = logging.getLogger(__name__)
T = TypeVar("T")

CLAIM_WAIT_MS: Final = 20_000
# The launcher ends what has not stopped after 10 s.
_HAND_BACK_S = 5.0
# How soon an engine that computes learns that more jobs would fit in. A look takes microseconds.
_LOOK_S = 0.02


class RunJob(Protocol):
    """Runs on a computing thread. Never raises; stops within one step when the token is set."""

    def __call__(
        self, lease: contract.Lease, inputs: Mapping[str, bytes], board: ProgressBoard, token: CancelToken
    ) -> JobResult: ...


@dataclass(frozen=True)
class EngineParts:
    client: LeaseClient
    spool: Spool
    worker: ThreadPoolExecutor
    """One thread per slot."""
    registration: contract.RegisterEngineRequest
    run_job: RunJob
    loaded_models: Callable[[], list[str]]
    room: Callable[[], int]
    """How many jobs more than those that compute now would be computed at a gain."""


class EngineLoop:
    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self._stopping = asyncio.Event()
        self._registration: contract.RegisterEngineResponse | None = None
        self._held: dict[asyncio.Task[None], contract.Lease] = {}
        self._computing = 0
        self._refusal: TokenRefusedError | None = None

    def stop(self) -> None:
        """Takes no further job and hands the running ones back."""
        self._stopping.set()

    async def run(self) -> None:
        """Until stopped. Raises TokenRefusedError."""
        await self._unless_stopped(self._replay())
        while not self._stopping.is_set():
            slots = self._free_slots()
            if slots == 0:
                await self._unless_stopped(asyncio.sleep(_LOOK_S))
                continue
            for lease in await self._unless_stopped(self._next_leases(slots)) or ():
                self._start(lease)
        if self._held:
            await asyncio.wait(self._held)
        if self._refusal is not None:
            raise self._refusal

    def _free_slots(self) -> int:
        """A second job is taken only where both gain: until then another engine may be free for it."""
        slots = self._parts.registration.slots
        if len(self._held) - self._computing > slots:
            # The api takes jobs from its queue but no results.
            return 0
        return min(slots, 1) if self._computing == 0 else min(self._parts.room(), slots - self._computing)

    def _start(self, lease: contract.Lease) -> None:
        self._computing += 1
        task = asyncio.create_task(self._work(lease))
        self._held[task] = lease
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._held[task]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, TokenRefusedError):
            self._refusal = error
            self.stop()
        elif error is not None:
            log.error("a job could not be handed back", exc_info=error)

    async def _replay(self) -> None:
        for spooled in self._parts.spool.waiting():
            log.info("%s attempt %d: offering the result of an earlier run", spooled.job_id, spooled.attempt)
            try:
                await deliver(
                    self._parts.client,
                    self._parts.spool,
                    job_id=spooled.job_id,
                    attempt=spooled.attempt,
                    result=spooled.result,
                )
            except ApiAwayError:
                return

    async def _next_leases(self, slots: int) -> list[contract.Lease]:
        pause = FIRST_PAUSE_S
        while True:
            try:
                registration = self._registration or await self._register()
                return await self._claim(registration, slots)
            except TokenRefusedError:
                raise
            except ApiRefusedError as refusal:
                log.warning("registering again: %s", refusal)
                self._registration = None
            except ApiAwayError as reason:
                log.warning("waiting for the api: %s", reason)
                # It may have been replaced by one that does not know this engine.
                self._registration = None
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _register(self) -> contract.RegisterEngineResponse:
        # Whatever else ran under its name died with an earlier process.
        held = {*self._parts.spool.job_ids(), *(lease.job_id for lease in self._held.values())}
        request = msgspec.structs.replace(self._parts.registration, held_jobs=sorted(held))
        registration = await self._parts.client.register(request)
        log.info("registered as %s", registration.engine_id)
        self._registration = registration
        return registration

    async def _claim(self, registration: contract.RegisterEngineResponse, slots: int) -> list[contract.Lease]:
        request = contract.ClaimRequest(
            engine_id=registration.engine_id,
            queues=self._parts.registration.queues,
            loaded_models=self._parts.loaded_models()[:100],
            slots=slots,
            wait_ms=CLAIM_WAIT_MS,
        )
        return await self._parts.client.claim(request)

    async def _work(self, lease: contract.Lease) -> None:
        token = CancelToken()
        interval_ms = self._registration.progress_interval_ms if self._registration else 250
        reporter = Reporter(self._parts.client, lease, interval_ms / 1000, token)
        reporting = asyncio.create_task(reporter.run())
        job = asyncio.create_task(self._run(lease, reporter.board, token))
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({job, stopping}, return_when=asyncio.FIRST_COMPLETED)
        # The next job computes while this one's pictures travel.
        self._computing -= 1
        try:
            if not job.done():
                token.cancel("engine.internal")
                await self._hand_back(lease)
            elif not (reporting.done() and token.is_set):
                await self._deliver(lease, job.result())
        finally:
            for task in (reporting, job, stopping):
                task.cancel()

    async def _run(self, lease: contract.Lease, board: ProgressBoard, token: CancelToken) -> JobResult:
        try:
            inputs = {file.name: await self._parts.client.fetch(file) for file in lease.inputs}
        except EngineError as error:
            return failed(error, 0.0)
        except (ApiAwayError, ApiRefusedError) as reason:
            log.warning("%s: an input could not be fetched: %s", lease.job_id, reason)
            return failed(EngineError("blob.not_found"), 0.0, is_retryable=isinstance(reason, ApiAwayError))
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._parts.worker, self._parts.run_job, lease, inputs, board, token)

    async def _deliver(self, lease: contract.Lease, result: JobResult) -> None:
        spool = self._parts.spool
        delivery = asyncio.create_task(
            deliver(self._parts.client, spool, job_id=lease.job_id, attempt=lease.attempt, result=result)
        )
        try:
            await self._until_stopped(delivery, grace_s=_HAND_BACK_S)
        except ApiAwayError:
            log.error("%s: the api stayed away; its result waits in the spool", lease.job_id)
        if not delivery.done():
            delivery.cancel()
            spool.add(lease.job_id, lease.attempt, result)

    async def _hand_back(self, lease: contract.Lease) -> None:
        """Without waiting for the step that runs: the process is about to end."""
        result = failed(
            EngineError("engine.internal", "The engine was stopped; the job will be tried again."),
            0.0,
            is_retryable=True,
        )
        request = finalize_request(lease.attempt, result, [])
        try:
            async with asyncio.timeout(_HAND_BACK_S):
                await self._parts.client.finalize(lease.job_id, request)
        except (TimeoutError, ApiAwayError, ApiRefusedError) as reason:
            log.warning("%s could not be handed back, its lease will run out: %s", lease.job_id, reason)

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result, or None when the engine is asked to stop first."""
        task = asyncio.create_task(work)
        try:
            return await self._until_stopped(task)
        finally:
            task.cancel()

    async def _until_stopped(self, task: asyncio.Task[T], *, grace_s: float = 0.0) -> T | None:
        """The result, or None when the engine is asked to stop and the task is not done `grace_s` later."""
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not task.done() and grace_s > 0:
            await asyncio.wait({task}, timeout=grace_s)
        return task.result() if task.done() else None

"""Tells the api how a job is doing, which also renews its lease, and hears what the api wants."""

from __future__ import annotations

import asyncio
import base64
import logging
from dataclasses import dataclass, field
from typing import Final

from studio_engine.jobs.cancel import CancelToken
from studio_engine.jobs.progress import Progress, ProgressBoard
from studio_engine.lease import contract
from studio_engine.lease.client import ApiAwayError, ApiRefusedError, LeaseClient

log = logging.getLogger(__name__)

# A cancel travels in the answer, so this bounds how late a long step hears of it.
HEARTBEAT_S: Final = 1.0


@dataclass
class Reporter:
    """Runs beside one attempt until it is cancelled or the lease is lost."""

    client: LeaseClient
    lease: contract.Lease
    interval_s: float
    token: CancelToken
    board: ProgressBoard = field(init=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.board = ProgressBoard(self.interval_s, lambda: _notify(loop, self._changed))

    async def run(self) -> None:
        while not await self._is_lost():
            await asyncio.sleep(self.interval_s)
            try:
                await asyncio.wait_for(self._changed.wait(), HEARTBEAT_S)
            except TimeoutError:
                continue
            self._changed.clear()

    async def _is_lost(self) -> bool:
        request = _request(self.lease.attempt, self.board.take())
        try:
            directive = (await self.client.progress(self.lease.job_id, request)).directive
        except ApiAwayError as reason:
            # The job goes on: the lease may outlive the outage, and the result is spooled if not.
            log.warning("%s: progress not delivered: %s", self.lease.job_id, reason)
            return False
        except ApiRefusedError as refusal:
            log.warning("%s: progress refused: %s", self.lease.job_id, refusal)
            directive = "lost"
        if directive == "cancel":
            self.token.cancel("job.cancelled")
        if directive == "lost":
            self.token.cancel("job.lease_lost")
        return directive == "lost"


def _notify(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(changed.set)


def _request(attempt: int, progress: Progress) -> contract.ProgressRequest:
    preview = progress.preview
    return contract.ProgressRequest(
        attempt=attempt,
        progress=contract.JobProgress(
            stage=progress.stage,
            step=progress.step,
            steps=progress.steps,
            node_id=progress.node_id,
            eta_ms=progress.eta_ms,
        ),
        preview=None if preview is None else contract.Preview("image/jpeg", base64.b64encode(preview).decode("ascii")),
    )

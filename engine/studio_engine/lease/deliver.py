"""Hands a result to the api: outputs first, then the word that the attempt has ended."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from studio_engine.jobs.outputs import OutputFile
from studio_engine.lease import contract
from studio_engine.lease.client import ApiAwayError, ApiRefusedError, LeaseClient, TokenRefusedError
from studio_engine.lease.result import JobResult
from studio_engine.lease.spool import Spool, finalize_request

log = logging.getLogger(__name__)

GIVE_UP_AFTER_S: Final = 15 * 60.0
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 5.0
_FILES_PER_REQUEST = 64


async def deliver(client: LeaseClient, spool: Spool, *, job_id: str, attempt: int, result: JobResult) -> bool:
    """Whether the api took it. While the api is away the result lies in the spool and is offered again and again.

    Raises ApiAwayError after 15 minutes; the result then waits in the spool for the next start.
    """
    started, pause = time.monotonic(), FIRST_PAUSE_S
    while True:
        try:
            is_accepted = await _deliver_once(client, job_id=job_id, attempt=attempt, result=result)
        except TokenRefusedError:
            spool.add(job_id, attempt, result)
            raise
        except ApiRefusedError as refusal:
            log.warning("%s attempt %d: result refused: %s", job_id, attempt, refusal)
            is_accepted = False
        except ApiAwayError as reason:
            spool.add(job_id, attempt, result)
            if time.monotonic() - started > GIVE_UP_AFTER_S:
                raise
            log.warning("%s attempt %d: result kept, the api is away: %s", job_id, attempt, reason)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
            continue
        spool.remove(job_id, attempt)
        return is_accepted


async def _deliver_once(client: LeaseClient, *, job_id: str, attempt: int, result: JobResult) -> bool:
    keys: list[str] = []
    for start in range(0, len(result.outputs), _FILES_PER_REQUEST):
        keys += await _upload(
            client, job_id=job_id, attempt=attempt, outputs=result.outputs[start : start + _FILES_PER_REQUEST]
        )
    answer = await client.finalize(job_id, finalize_request(attempt, result, keys))
    return answer.accepted


async def _upload(client: LeaseClient, *, job_id: str, attempt: int, outputs: tuple[OutputFile, ...]) -> list[str]:
    files = [contract.UploadFile(output.sha256, len(output.data), output.content_type) for output in outputs]
    uploads = (await client.request_uploads(job_id, contract.UploadRequest(attempt, files))).uploads
    await asyncio.gather(
        *(
            client.put(upload.url, output.data, output.content_type)
            for upload, output in zip(uploads, outputs, strict=True)
        )
    )
    return [upload.blob_key for upload in uploads]

"""Results that the api could not take yet, kept on disk until it can.

One folder per attempt, written next to its place and renamed into it, so that a crash leaves all of it or nothing.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from studio_engine.jobs.outputs import OutputFile
from studio_engine.lease import contract
from studio_engine.lease.result import JobResult


class _Record(msgspec.Struct):
    job_id: str
    attempt: int
    request: contract.FinalizeRequest


@dataclass(frozen=True)
class Spooled:
    job_id: str
    attempt: int
    result: JobResult


class Spool:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "results"
        self._folder.mkdir(parents=True, exist_ok=True)

    def add(self, job_id: str, attempt: int, result: JobResult) -> None:
        """Repeating it is harmless."""
        place = self._place(job_id, attempt)
        if place.exists():
            return
        draft = place.with_name(f".{place.name}.{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        for number, output in enumerate(result.outputs):
            _write(draft / f"{number}.bin", output.data)
        record = _Record(job_id, attempt, finalize_request(attempt, result, [""] * len(result.outputs)))
        _write(draft / "record.json", msgspec.json.encode(record))
        draft.rename(place)

    def remove(self, job_id: str, attempt: int) -> None:
        shutil.rmtree(self._place(job_id, attempt), ignore_errors=True)

    def job_ids(self) -> list[str]:
        """The jobs whose results wait here."""
        names = [path.name for path in self._folder.iterdir() if not path.name.startswith(".")]
        return sorted({name.rpartition("-")[0] for name in names})

    def waiting(self) -> list[Spooled]:
        """What an earlier process left, oldest first; folders that cannot be read are skipped."""
        places = [path for path in self._folder.iterdir() if not path.name.startswith(".")]
        found = (self._read(path) for path in sorted(places, key=lambda path: path.stat().st_mtime))
        return [spooled for spooled in found if spooled is not None]

    def _place(self, job_id: str, attempt: int) -> Path:
        return self._folder / f"{job_id}-{attempt}"

    def _read(self, place: Path) -> Spooled | None:
        try:
            record = msgspec.json.decode((place / "record.json").read_bytes(), type=_Record)
            outputs = tuple(
                OutputFile(
                    node_id=output.node_id,
                    index=output.index,
                    data=(place / f"{number}.bin").read_bytes(),
                    content_type=output.content_type,
                    width=output.width,
                    height=output.height,
                    is_kept=output.is_kept,
                )
                for number, output in enumerate(record.request.outputs)
            )
        except (OSError, msgspec.DecodeError):
            return None
        request = record.request
        result = JobResult(
            status=request.status,
            outputs=outputs,
            texts=request.texts,
            error=request.error,
            node_errors=request.node_errors,
            is_retryable=request.is_retryable,
            engine_seconds=request.engine_seconds,
        )
        return Spooled(record.job_id, record.attempt, result)


def finalize_request(attempt: int, result: JobResult, blob_keys: list[str]) -> contract.FinalizeRequest:
    """`blob_keys` name the uploaded outputs, in order."""
    return contract.FinalizeRequest(
        attempt=attempt,
        status=result.status,
        outputs=[
            contract.JobOutput(
                node_id=output.node_id,
                index=output.index,
                blob_key=key,
                sha256=output.sha256,
                size_bytes=len(output.data),
                content_type=output.content_type,
                width=output.width,
                height=output.height,
                is_kept=output.is_kept,
            )
            for output, key in zip(result.outputs, blob_keys, strict=True)
        ],
        texts={node_id: list(texts) for node_id, texts in result.texts.items()},
        error=result.error,
        node_errors=dict(result.node_errors),
        is_retryable=result.is_retryable,
        engine_seconds=result.engine_seconds,
    )


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())

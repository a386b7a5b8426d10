"""Asking a running job to stop, from another thread."""

from __future__ import annotations

import threading

from studio_engine.errors import EngineError, ErrorCode


class CancelToken:
    """Set once; the job sees it before its next node and after its next step."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._code: ErrorCode = "job.cancelled"

    def cancel(self, code: ErrorCode = "job.cancelled") -> None:
        """`code` says why: the first reason given stays."""
        if not self._asked.is_set():
            self._code = code
            self._asked.set()

    @property
    def is_set(self) -> bool:
        return self._asked.is_set()

    def check(self) -> None:
        """Raises the reason, if there is one."""
        if self._asked.is_set():
            raise EngineError(self._code)

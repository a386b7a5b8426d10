"""Results of nodes, kept for the next graph that asks for the same."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import NamedTuple

from studio_engine.graph.mapping import Outputs
from studio_engine.graph.measure import checksum, size_bytes, versions

log = logging.getLogger(__name__)


class _Entry(NamedTuple):
    outputs: Outputs
    size_bytes: int
    state: object


class ResultCache:
    """Least recently used goes first; bounded in bytes. Keys carry the namespace, so tenants never meet.

    What it holds must not be changed in place: nodes make new tensors. An entry that was changed all the same is
    never given out again: torch counts changes of a tensor, and `is_thorough` compares all bits (for tests).
    Several jobs may use it at the same time.
    """

    def __init__(self, max_bytes: int, *, is_thorough: bool = False) -> None:
        self._max_bytes = max_bytes
        self._state_of = checksum if is_thorough else versions
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._size_bytes = 0
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def get(self, key: str) -> Outputs | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if self._state_of(entry.outputs) != entry.state:
                log.error("a kept result was changed in place; it is dropped")
                self._drop(key)
                return None
            self._entries.move_to_end(key)
            return entry.outputs

    def put(self, key: str, outputs: Outputs) -> None:
        """Keeps the outputs unless they are larger than the whole cache, or hold what cannot be counted.

        Loaded models are of that kind: the model store keeps them, and must be able to let them go.
        """
        size = size_bytes(outputs)
        if size is None or size > self._max_bytes:
            return
        state = self._state_of(outputs)
        with self._lock:
            self._drop(key)
            while self._entries and self._size_bytes + size > self._max_bytes:
                self._drop(next(iter(self._entries)))
            self._entries[key] = _Entry(outputs, size, state)
            self._size_bytes += size

    def drop(self, key: str) -> None:
        with self._lock:
            self._drop(key)

    def evict(self, wanted_bytes: int) -> int:
        """Lets go of the least recently used until so much is let go or nothing is left; how much was."""
        with self._lock:
            before = self._size_bytes
            while self._entries and before - self._size_bytes < wanted_bytes:
                self._drop(next(iter(self._entries)))
            return before - self._size_bytes

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size_bytes -= entry.size_bytes

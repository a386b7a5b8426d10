"""Results of nodes, kept for the next graph that asks for the same."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeAlias

from studio_engine.graph.measure import size_bytes

Outputs: TypeAlias = tuple[object, ...]


class ResultCache:
    """Least recently used goes first; bounded in bytes. Keys carry the namespace, so tenants never meet.

    What it holds must not be changed in place: nodes make new tensors. For one thread.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, tuple[Outputs, int]] = OrderedDict()
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def get(self, key: str) -> Outputs | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: str, outputs: Outputs) -> None:
        """Keeps the outputs unless they are larger than the whole cache, or hold what cannot be counted.

        Loaded models are of that kind: the model store keeps them, and must be able to let them go.
        """
        size = size_bytes(outputs)
        if size is None or size > self._max_bytes:
            return
        self._drop(key)
        while self._entries and self._size_bytes + size > self._max_bytes:
            self._drop(next(iter(self._entries)))
        self._entries[key] = (outputs, size)
        self._size_bytes += size

    def clear(self) -> None:
        """Lets go of everything, e.g. when memory ran out."""
        self._entries.clear()
        self._size_bytes = 0

    def _drop(self, key: str) -> None:
        _, size = self._entries.pop(key, ((), 0))
        self._size_bytes -= size

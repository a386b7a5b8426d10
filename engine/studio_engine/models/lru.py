"""A least-recently-used store whose bound is bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ByteLru(Generic[K, V]):
    """Safe to use from several threads: a value is made once, and those who want it meanwhile wait for it.

    The newest entry always stays, even when it alone is larger than the bound: it is in use. A dropped value that
    someone still holds takes its memory anyway, so it is found again instead of being made twice.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[V], int]) -> None:
        self.max_bytes = max_bytes
        self._size_of = size_of
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._alive: WeakValueDictionary[K, V] = WeakValueDictionary()
        self._lock = threading.Lock()
        self._making: dict[K, threading.Lock] = {}

    def __contains__(self, key: K) -> bool:
        with self._lock:
            return key in self._entries

    @property
    def size_bytes(self) -> int:
        with self._lock:
            return self._size()

    def keys(self) -> list[K]:
        """Least recently used first."""
        with self._lock:
            return list(self._entries)

    def sizes(self) -> dict[K, int]:
        """Bytes of each entry, least recently used first."""
        with self._lock:
            return {key: size for key, (_, size) in self._entries.items()}

    def get(self, key: K) -> V | None:
        """The value, now the newest; None when it is not in memory."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
                return found[0]
            alive = self._alive.get(key)
            if alive is not None:
                self._add(key, alive)
            return alive

    def get_or_add(self, key: K, make: Callable[[], V], *, expected_bytes: int = 0) -> V:
        """`expected_bytes` makes room before `make` runs, so that old and new need not fit at once."""
        found = self.get(key)
        if found is not None:
            return found
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            try:
                found = self.get(key)
                return self._make(key, make, expected_bytes) if found is None else found
            finally:
                with self._lock:
                    self._making.pop(key, None)

    def evict(self, wanted_bytes: int) -> int:
        """Drops the least recently used entries until this many bytes are dropped or none is left; how many were."""
        with self._lock:
            before = self._size()
            self._shrink(before - wanted_bytes)
            return before - self._size()

    def _make(self, key: K, make: Callable[[], V], expected_bytes: int) -> V:
        with self._lock:
            self._shrink(self.max_bytes - expected_bytes)
        value = make()
        with self._lock:
            self._add(key, value)
        return value

    def _add(self, key: K, value: V) -> None:
        size = self._size_of(value)
        self._shrink(self.max_bytes - size)
        self._entries[key] = (value, size)
        self._alive[key] = value

    def _size(self) -> int:
        return sum(size for _, size in self._entries.values())

    def _shrink(self, max_bytes: int) -> None:
        while self._entries and self._size() > max(0, max_bytes):
            self._entries.popitem(last=False)

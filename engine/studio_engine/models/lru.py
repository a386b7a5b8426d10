"""A least-recently-used store whose bound is bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ByteLru(Generic[K, V]):
    """The newest entry always stays, even when it alone is larger than the bound: it is in use."""

    def __init__(self, max_bytes: int, size_of: Callable[[V], int]) -> None:
        self._max_bytes = max_bytes
        self._size_of = size_of
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def touch(self, key: K) -> None:
        """Makes the entry the newest, if it is there."""
        if key in self._entries:
            self._entries.move_to_end(key)

    @property
    def size_bytes(self) -> int:
        return sum(size for _, size in self._entries.values())

    def keys(self) -> list[K]:
        """Least recently used first."""
        return list(self._entries)

    def get_or_add(self, key: K, make: Callable[[], V], *, expected_bytes: int = 0) -> V:
        """`expected_bytes` makes room before `make` runs, so that old and new need not fit at once."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
            return found[0]
        self._shrink(self._max_bytes - expected_bytes)
        value = make()
        self._shrink(self._max_bytes - self._size_of(value))
        self._entries[key] = (value, self._size_of(value))
        return value

    def clear(self) -> None:
        self._entries.clear()

    def _shrink(self, max_bytes: int) -> None:
        while self._entries and self.size_bytes > max(0, max_bytes):
            self._entries.popitem(last=False)

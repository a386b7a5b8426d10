"""How many rows pay: what forwards of each shape have taken on this machine."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field

# More rows must save this share of the time per row: at 512² on a CPU eight rows cost eight times one.
_MIN_GAIN = 0.05
# The first forward of a shape also prepares kernels; the fastest of a few is what the shape takes.
_TRIES = 3
_KEPT_TIMES = 5
# What did not pay is tried again after this many forwards: the machine may have been busy with something else.
_RETRY_AFTER = 400
_MAX_KEYS = 256


@dataclass
class _Shape:
    times: dict[int, deque[float]] = field(default_factory=dict)
    """Seconds by rows, newest last."""
    max_rows: int | None = None
    """Where memory ended."""
    forwards: int = 0

    def per_row(self, rows: int) -> float:
        return min(self.times[rows]) / rows

    def best_rows(self) -> int:
        """The fewest rows beyond which no measured number of rows pays."""
        counts = sorted(self.times)
        best = counts[0]
        for rows in counts[1:]:
            if self.per_row(rows) < (1 - _MIN_GAIN) * self.per_row(best):
                best = rows
        return best


class Profile:
    """Learns from every forward. Not locked: its owner calls it under its own lock."""

    def __init__(self) -> None:
        self._shapes: OrderedDict[Hashable, _Shape] = OrderedDict()

    def record(self, key: Hashable, rows: int, seconds: float) -> None:
        shape = self._shapes.setdefault(key, _Shape())
        self._shapes.move_to_end(key)
        if len(self._shapes) > _MAX_KEYS:
            self._shapes.popitem(last=False)
        shape.times.setdefault(rows, deque(maxlen=_KEPT_TIMES)).append(seconds)
        shape.forwards += 1
        if shape.forwards % _RETRY_AFTER == 0:
            best = shape.best_rows()
            shape.times = {count: times for count, times in shape.times.items() if count <= best}
            shape.max_rows = None

    def record_out_of_memory(self, key: Hashable, rows: int) -> None:
        """So many rows do not fit; half of them are tried."""
        self._shapes.setdefault(key, _Shape()).max_rows = max(1, rows // 2)

    def row_limit(self, key: Hashable) -> int:
        """Twice the best number of rows, to learn whether more pay, until they have been seen not to.

        1 for a key never seen: a first request is computed by itself and shows what one takes.
        """
        shape = self._shapes.get(key)
        if shape is None or not shape.times:
            return 1
        best = shape.best_rows()
        has_seen_more = any(rows > best and len(times) >= _TRIES for rows, times in shape.times.items())
        limit = best if has_seen_more else 2 * best
        return limit if shape.max_rows is None else min(limit, shape.max_rows)

    def seconds(self, key: Hashable) -> float:
        """What a forward of that key takes at least; 0 when unknown."""
        shape = self._shapes.get(key)
        if shape is None or not shape.times:
            return 0.0
        return min(min(times) for times in shape.times.values())

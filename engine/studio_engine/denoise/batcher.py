"""The one place through which jobs reach the device: equal requests of several jobs become one forward.

There is no thread of its own. When the device is free, the first of those whose turn it is computes for all of them
and wakes the others, so that a job by itself pays for a lock and a key and no more (26 µs), and one that was cancelled
never computes for others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

import torch
from torch import Tensor

from studio_engine.denoise.policy import Batch, Expected, Wait, Waiting, plan_batch
from studio_engine.denoise.profile import Profile
from studio_engine.denoise.request import Alone, Forward, Request, request_key
from studio_engine.denoise.shrink import Attempt, Relieve, answer_all

T = TypeVar("T")

# How often a waiting job looks whether it was cancelled.
_LOOK_S = 0.1
# A sampler's own arithmetic, previews and the interpreter's lock between two requests; learned per job.
_FIRST_GAP_S = 0.002
_MAX_PATIENCE_S = 0.05
# Waiting longer than this share of a forward could cost more than sharing one saves.
_PATIENCE_SHARE = 0.5
_GAP_MEMORY = 0.7


@dataclass
class _Seat:
    """A thread that samples."""

    check_cancelled: Callable[[], None]
    key: Hashable = None
    rows: int = 0
    gap_s: float = _FIRST_GAP_S
    left_at: float | None = None
    """When it was given its last answer; None while it waits or is new."""
    until: float = 0.0
    """How long the others count on its next request."""

    def ask(self, key: Hashable, rows: int, now: float) -> None:
        if self.left_at is not None and key == self.key:
            gap = min(now - self.left_at, _MAX_PATIENCE_S)
            self.gap_s = _GAP_MEMORY * self.gap_s + (1 - _GAP_MEMORY) * gap
        self.key, self.rows, self.left_at = key, rows, None

    def leave(self, now: float, forward_s: float) -> None:
        patience = min(2 * self.gap_s + 0.001, _PATIENCE_SHARE * forward_s, _MAX_PATIENCE_S)
        self.left_at, self.until = now, now + patience


@dataclass(eq=False)
class _Entry:
    number: int
    key: Hashable
    rows: int
    seat: _Seat
    compute: Callable[[list[_Entry]], None]
    attempt: Attempt | None = None
    is_done: bool = False
    value: object = None
    error: BaseException | None = None


@dataclass
class _Line:
    """What the lock guards."""

    waiting: list[_Entry] = field(default_factory=list)
    seats: dict[int, _Seat] = field(default_factory=dict)
    profile: Profile = field(default_factory=Profile)
    arrivals: int = 0
    holder: int | None = None
    """The thread that computes."""


class Batcher:
    """For any number of threads. `relieve` frees memory after an allocation failed."""

    def __init__(self, relieve: Relieve = lambda: None, clock: Callable[[], float] = time.monotonic) -> None:
        self._relieve = relieve
        self._clock = clock
        self._changed = threading.Condition()
        self._line = _Line()

    @contextmanager
    def seat(self, check_cancelled: Callable[[], None]) -> Iterator[None]:
        """A job runs on this thread meanwhile; `check_cancelled` raises to end its waiting."""
        me = threading.get_ident()
        with self._changed:
            self._line.seats[me] = _Seat(check_cancelled)
        try:
            yield
        finally:
            with self._changed:
                del self._line.seats[me]
                # Nobody needs to count on it any longer.
                self._changed.notify_all()

    def run(self, request: Request, forward: Forward) -> Tensor:
        """What `forward` answers to `request`, perhaps computed together with equal requests of other threads.

        Raises what `forward` raises for this request by itself, and what `check_cancelled` raises.
        """
        if self._line.holder == threading.get_ident():
            return request.answered(forward)
        attempt = Attempt(request, forward)
        return cast("Tensor", self._queue(request_key(request), request.rows, self._denoise, attempt=attempt))

    def alone(self, compute: Callable[[], T]) -> T:
        """Other heavy work, such as a decoder's, when its turn comes. It must not wait for another thread."""
        if self._line.holder == threading.get_ident():
            return compute()

        def call(entries: list[_Entry]) -> None:
            entries[0].value = compute()

        return cast("T", self._queue(Alone(), 1, call, attempt=None))

    def room(self) -> int:
        """How many more jobs like those that sample now would be computed at a gain; 0 when none samples."""
        with self._changed:
            groups: dict[Hashable, list[int]] = {}
            for seat in self._line.seats.values():
                if seat.rows > 0:
                    groups.setdefault(seat.key, []).append(seat.rows)
            limit = self._line.profile.row_limit
            rooms = [(limit(key) - sum(rows)) * len(rows) // sum(rows) for key, rows in groups.items()]
            return max(0, min(rooms, default=0))

    def _queue(
        self, key: Hashable, rows: int, compute: Callable[[list[_Entry]], None], *, attempt: Attempt | None
    ) -> object:
        me = threading.get_ident()
        line = self._line
        with self._changed:
            seat = line.seats.get(me) or _Seat(lambda: None)
            seat.ask(key, rows if attempt else 0, self._clock())
            line.arrivals += 1
            entry = _Entry(line.arrivals, key, rows, seat, compute, attempt)
            line.waiting.append(entry)
            while not entry.is_done:
                self._advance(entry, me)
        if entry.error is not None:
            raise entry.error
        return entry.value

    def _advance(self, entry: _Entry, me: int) -> None:
        """Computes the next batch where the entry is in it, or waits for a change. Computing releases the lock."""
        line, now = self._line, self._clock()
        patience = _LOOK_S
        if line.holder is None and line.waiting:
            step = plan_batch(
                [Waiting(each.number, each.key, each.rows) for each in line.waiting],
                [Expected(each.key, each.until) for each in line.seats.values() if each.left_at is not None],
                row_limit=line.profile.row_limit,
                now=now,
            )
            if isinstance(step, Wait):
                patience = min(patience, step.until - now)
            elif entry.number in step.numbers:
                self._take(step, me)
                return
        self._changed.wait(patience)
        if not entry.is_done:
            self._check(entry)

    def _check(self, entry: _Entry) -> None:
        try:
            entry.seat.check_cancelled()
        except BaseException:
            # One that is being computed is answered to nobody.
            if entry in self._line.waiting:
                self._line.waiting.remove(entry)
                self._changed.notify_all()
            raise

    def _take(self, batch: Batch, me: int) -> None:
        line = self._line
        numbers = set(batch.numbers)
        entries = [each for each in line.waiting if each.number in numbers]
        line.waiting = [each for each in line.waiting if each.number not in numbers]
        line.holder = me
        self._changed.release()
        try:
            entries[0].compute(entries)
        except BaseException as error:
            for each in entries:
                each.error = error
        finally:
            self._changed.acquire()
            line.holder = None
            now = self._clock()
            for each in entries:
                each.is_done = True
                each.seat.leave(now, line.profile.seconds(each.key))
            self._changed.notify_all()

    def _denoise(self, entries: list[_Entry]) -> None:
        """Fills in answers and errors. The lock is not held."""
        attempts = [each.attempt for each in entries if each.attempt is not None]
        rows = sum(each.rows for each in entries)
        started = self._clock()
        largest = answer_all(attempts, self._relieve)
        if attempts[0].request.x.is_cuda:
            # A launch is not yet a result.
            torch.cuda.synchronize()
        seconds = self._clock() - started
        for each, attempt in zip(entries, attempts, strict=True):
            each.value, each.error = attempt.answer, attempt.error
        if isinstance(entries[0].key, Alone):
            return
        with self._changed:
            if largest is not None:
                self._line.profile.record_out_of_memory(entries[0].key, largest)
            elif all(each.error is None for each in entries):
                self._line.profile.record(entries[0].key, rows, seconds)

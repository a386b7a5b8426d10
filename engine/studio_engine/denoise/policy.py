"""Which of the waiting requests are computed next, and together. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Waiting:
    """A request that nobody computes yet."""

    number: int
    """Of arrival: lower came earlier."""
    key: Hashable
    rows: int


@dataclass(frozen=True)
class Expected:
    """A sampler between two of its requests."""

    key: Hashable
    until: float
    """When it is no longer waited for, in seconds of the caller's clock."""


@dataclass(frozen=True)
class Batch:
    """Compute these together, oldest first."""

    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Wait:
    """Ask again at this time, or when someone arrives or leaves."""

    until: float


RowLimit: TypeAlias = Callable[[Hashable], int]
"""How many rows of a key one forward may have. A single request is computed whatever its rows."""


def plan_batch(
    waiting: Sequence[Waiting], expected: Sequence[Expected], *, row_limit: RowLimit, now: float
) -> Batch | Wait:
    """The group of equal keys whose oldest request is the oldest, among groups that need not wait for anyone.

    A group waits while it has room for more rows and a sampler of its key is expected, so never beyond that one's
    `until`. `waiting` is in order of arrival and not empty.
    """
    soonest = float("inf")
    for key, group in _groups(waiting):
        limit = row_limit(key)
        chosen = _first_that_fit(group, limit)
        has_room = len(chosen) == len(group) and sum(each.rows for each in chosen) < limit
        until = max((each.until for each in expected if each.key == key), default=now) if has_room else now
        if until <= now:
            return Batch(tuple(each.number for each in chosen))
        soonest = min(soonest, until)
    return Wait(soonest)


def _groups(waiting: Sequence[Waiting]) -> Iterator[tuple[Hashable, list[Waiting]]]:
    """By key, in order of their oldest members."""
    groups: dict[Hashable, list[Waiting]] = {}
    for each in waiting:
        groups.setdefault(each.key, []).append(each)
    yield from groups.items()


def _first_that_fit(group: Sequence[Waiting], limit: int) -> list[Waiting]:
    """The oldest, and of the others in turn those that still fit: one with many rows becomes the oldest in time."""
    chosen, rows = [group[0]], group[0].rows
    for each in group[1:]:
        if rows + each.rows <= limit:
            chosen.append(each)
            rows += each.rows
    return chosen

"""Computes requests together, and in smaller parts where that fails, so that only the one at fault fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from studio_engine.denoise.request import Forward, Request, halves, joined
from studio_engine.runtime.memory import is_out_of_memory

Relieve: TypeAlias = Callable[[], None]
"""Frees what can be made again."""


@dataclass(eq=False)
class Attempt:
    """A request, and what became of it: an answer or an error."""

    request: Request
    forward: Forward
    answer: Tensor | None = None
    error: BaseException | None = None


def answer_all(attempts: Sequence[Attempt], relieve: Relieve) -> int | None:
    """Answers each one; all have equal keys. Gives the rows of the first forward that ran out of memory, or None."""
    error = _together(attempts)
    if error is None:
        return None
    is_memory = is_out_of_memory(error)
    # Its traceback keeps the tensors of the failed forward alive.
    error.__traceback__ = None
    if is_memory:
        relieve()
    if len(attempts) > 1:
        middle = len(attempts) // 2
        smaller = [answer_all(part, relieve) for part in (attempts[:middle], attempts[middle:])]
        return sum(each.request.rows for each in attempts) if is_memory else max(filter(None, smaller), default=None)
    (attempt,) = attempts
    if not is_memory:
        attempt.error = error
        return None
    _in_halves(attempt)
    return attempt.request.rows


def _together(attempts: Sequence[Attempt]) -> BaseException | None:
    try:
        answer = joined([each.request for each in attempts]).answered(attempts[0].forward)
    except BaseException as error:
        return error
    parts = torch.split(answer, [each.request.rows for each in attempts])
    for attempt, part in zip(attempts, parts, strict=True):
        attempt.answer = part
    return None


def _in_halves(attempt: Attempt) -> None:
    """The last try, with caches emptied: half the rows at a time where there are two."""
    parts = halves(attempt.request) if attempt.request.rows > 1 else (attempt.request,)
    try:
        attempt.answer = torch.cat([part.answered(attempt.forward) for part in parts])
    except BaseException as error:
        attempt.error = error

"""Tokens and weights in chunks of the text encoder's length."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from torch import Tensor

Token: TypeAlias = int | Tensor
"""An id of the vocabulary, or a learned vector `[width]` in place of one (textual inversion)."""
Group: TypeAlias = list[tuple[Token, float]]
"""Tokens of one weight that belong together."""

# A group of fewer tokens moves to the next chunk whole instead of being cut.
_WHOLE_GROUP_TOKENS: Final = 8


@dataclass(frozen=True)
class ChunkRules:
    """How an encoder wants its tokens."""

    tokenize: Callable[[str], list[int]]
    end: int
    pad: int
    start: int | None = None
    length: int | None = None
    """Every chunk's tokens, start and end among them; None = one chunk, as long as it gets."""
    min_length: int = 0
    """What a chunk without fixed length is padded to."""
    min_padding: int = 0
    """Padding that such a chunk gets in any case, before `min_length` is looked at."""

    @property
    def edges(self) -> int:
        return 1 + (self.start is not None)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Start token, tokens, end token, padding; one weight each."""

    tokens: tuple[Token, ...]
    weights: tuple[float, ...]
    end: int
    """Where the end token stands."""

    @property
    def is_weighted(self) -> bool:
        return any(weight != 1.0 for weight in self.weights)


def chunks_of(groups: Iterable[Group], rules: ChunkRules) -> list[Chunk]:
    """At least one chunk."""
    if rules.length is None:
        return [_framed([token for group in groups for token in group], rules)]
    room = rules.length - rules.edges
    chunks: list[Group] = [[]]
    for whole in groups:
        group = whole
        while group:
            free = room - len(chunks[-1])
            if len(group) <= free:
                chunks[-1].extend(group)
                break
            if len(group) >= _WHOLE_GROUP_TOKENS or room < _WHOLE_GROUP_TOKENS:
                chunks[-1].extend(group[:free])
                group = group[free:]
            chunks.append([])
    return [_framed(chunk, rules) for chunk in chunks]


def empty_chunk(rules: ChunkRules, length: int) -> Chunk:
    """The empty prompt in `length` tokens: what weights move a prompt's tokens away from, or towards."""
    start = () if rules.start is None else (rules.start,)
    padding = (rules.pad,) * (length - rules.edges)
    return Chunk((*start, rules.end, *padding), (1.0,) * max(length, rules.edges), len(start))


def _framed(inner: Group, rules: ChunkRules) -> Chunk:
    start = () if rules.start is None else (rules.start,)
    used = len(inner) + rules.edges
    padding = (rules.length or max(rules.min_length, used + rules.min_padding)) - used
    return Chunk(
        tokens=(*start, *(token for token, _ in inner), rules.end, *(rules.pad,) * padding),
        weights=(*(1.0 for _ in start), *(weight for _, weight in inner), *(1.0,) * (padding + 1)),
        end=used - 1,
    )

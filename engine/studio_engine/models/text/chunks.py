"""Token ids and weights in chunks of the text encoder's length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from studio_engine.models.text.tokenizer import END_TOKEN, START_TOKEN
from studio_engine.models.text.weights import parse_prompt

# A group of fewer tokens moves to the next chunk whole instead of being cut.
_WHOLE_GROUP_TOKENS: Final = 8


@dataclass(frozen=True)
class Chunk:
    """`length` ids with start and end token, padded with the end token; one weight per id."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


def chunk_prompt(prompt: str, length: int, tokenize: Callable[[str], list[int]]) -> list[Chunk]:
    """At least one chunk; `length` is the encoder's number of positions (77), of which two are start and end."""
    room = length - 2
    chunks: list[list[tuple[int, float]]] = [[]]
    for segment in parse_prompt(prompt):
        group = [(token, segment.weight) for token in tokenize(segment.text)]
        while group:
            free = room - len(chunks[-1])
            if len(group) <= free:
                chunks[-1].extend(group)
                break
            if len(group) >= _WHOLE_GROUP_TOKENS or room < _WHOLE_GROUP_TOKENS:
                chunks[-1].extend(group[:free])
                group = group[free:]
            chunks.append([])
    return [_padded(chunk, length) for chunk in chunks]


def empty_chunk(length: int) -> Chunk:
    return _padded([], length)


def _padded(tokens: list[tuple[int, float]], length: int) -> Chunk:
    padding = length - 1 - len(tokens)
    return Chunk(
        ids=(START_TOKEN, *(token for token, _ in tokens), *(END_TOKEN,) * padding),
        weights=(1.0, *(weight for _, weight in tokens), *(1.0,) * padding),
    )

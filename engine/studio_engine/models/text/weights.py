r"""ComfyUI's prompt syntax: `(text)` weighs 1.1 times more, `(text:1.2)` weighs 1.2, nested groups multiply.

An inner absolute weight replaces the outer one; `\(` and `\)` are literal; unbalanced parentheses are text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_STEP: Final = 1.1
# Escaped parentheses, hidden from the splitter as characters that no prompt holds.
_OPEN, _CLOSE = "\x00\x02", "\x00\x01"


@dataclass(frozen=True)
class Segment:
    text: str
    weight: float


def parse_prompt(prompt: str) -> list[Segment]:
    """The prompt cut into pieces of one weight each, escapes resolved, in order."""
    hidden = prompt.replace("\x00", " ").replace("\\)", _CLOSE).replace("\\(", _OPEN)
    return [Segment(_reveal(piece.text), piece.weight) for piece in _weighted(hidden)]


def _reveal(text: str) -> str:
    return text.replace(_CLOSE, ")").replace(_OPEN, "(")


def _weighted(prompt: str) -> list[Segment]:
    """An explicit stack instead of recursion: ten thousand opening parentheses are a legal prompt."""
    segments: list[Segment] = []
    pending = [(piece, 1.0) for piece in reversed(_split_groups(prompt))]
    while pending:
        piece, weight = pending.pop()
        if len(piece) < 2 or piece[0] != "(" or piece[-1] != ")":
            segments.append(Segment(piece, weight))
            continue
        inner, own_weight = _inner(piece[1:-1])
        weight = weight * _STEP if own_weight is None else own_weight
        pending.extend((part, weight) for part in reversed(_split_groups(inner)))
    return segments


def _inner(text: str) -> tuple[str, float | None]:
    """`text:1.2` -> (`text`, 1.2). The last colon decides; what is no number stays text."""
    head, colon, tail = text.rpartition(":")
    if not colon or not head:
        return text, None
    try:
        return head, float(tail)
    except ValueError:
        return text, None


def _split_groups(text: str) -> list[str]:
    """Top-level groups with their parentheses, and the text between them."""
    pieces: list[str] = []
    start = depth = 0
    for position, letter in enumerate(text):
        if letter == "(":
            if depth == 0 and position > start:
                pieces.append(text[start:position])
            if depth == 0:
                start = position
            depth += 1
        elif letter == ")" and depth > 0:
            depth -= 1
            if depth == 0:
                pieces.append(text[start : position + 1])
                start = position + 1
    if start < len(text):
        pieces.append(text[start:])
    return pieces

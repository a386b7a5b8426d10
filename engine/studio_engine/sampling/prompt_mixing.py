"""New prompts out of encoded ones."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from studio_engine.errors import EngineError
from studio_engine.sampling.conditioning import Cond, Conditioning


def concatenated(first: Conditioning, second: Conditioning) -> Conditioning:
    """Each of the first prompts with the tokens of the second list's first prompt after its own.

    Raises `engine.node_failed` where their tokens are of different widths: two families of models.
    """
    if not second:
        return first
    tail = second[0].context
    return tuple(replace(cond, context=torch.cat(_alike(cond.context, tail), dim=1)) for cond in first)


def averaged(first: Conditioning, second: Conditioning, share: float) -> Conditioning:
    """`share` of each of the first prompts and the rest of the second list's first one.

    The second is cut, or filled with zeros, to the first's tokens. Raises `engine.node_failed` as `concatenated`.
    """
    if not second:
        return first
    return tuple(_mixed(cond, second[0], share) for cond in first)


def without_words(conditioning: Conditioning) -> Conditioning:
    """Zeros in place of all that the text encoder said."""
    return tuple(
        replace(
            cond,
            context=torch.zeros_like(cond.context),
            pooled=None if cond.pooled is None else torch.zeros_like(cond.pooled),
        )
        for cond in conditioning
    )


def _mixed(cond: Cond, other: Cond, share: float) -> Cond:
    context, tokens = _alike(cond.context, other.context)
    length = context.shape[1]
    tokens = pad(tokens[:, :length], (0, 0, 0, max(0, length - tokens.shape[1])))
    mixed = context * share + tokens * (1.0 - share)
    if other.pooled is None:
        return replace(cond, context=mixed)
    own = other.pooled if cond.pooled is None else cond.pooled
    return replace(cond, context=mixed, pooled=own * share + other.pooled * (1.0 - share))


def _alike(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    if one.shape[2] != other.shape[2]:
        raise EngineError(
            "engine.node_failed",
            f"The prompts have tokens of width {one.shape[2]} and {other.shape[2]}, so they were encoded for different "
            "kinds of models; encode both with the same CLIP.",
        )
    rows = max(one.shape[0], other.shape[0])
    return _rows(one, rows), _rows(other, rows)


def _rows(tokens: Tensor, rows: int) -> Tensor:
    return tokens.expand(rows, -1, -1) if tokens.shape[0] == 1 else tokens

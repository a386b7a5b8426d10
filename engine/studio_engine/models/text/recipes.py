"""How each family reads its text encoders, and joins what they say into one conditioning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.models.text.chunks import ChunkRules
from studio_engine.models.text.t5_tokenizer import T5_END_TOKEN, t5_token_ids
from studio_engine.models.text.tokenizer import END_TOKEN, START_TOKEN, token_ids
from studio_engine.sampling.conditioning import Cond

EncoderName: TypeAlias = Literal["l", "h", "g", "t5xxl"]
"""As ComfyUI's token dictionaries call them."""

CLIP_TOKENS: Final = 77
_SD3_WIDTH: Final = 4096
_L_WIDTH: Final = 768
_G_WIDTH: Final = 1280


@dataclass(frozen=True, eq=False)
class Encoded:
    states: Tensor
    """fp32 `[1, tokens, width]` on the CPU."""
    pooled: Tensor | None
    """fp32 `[1, width]`: of the first chunk; T5 has none."""


@dataclass(frozen=True)
class EncoderRules:
    """How a family reads one of its encoders."""

    name: EncoderName
    part: str
    chunks: ChunkRules
    layer: int | None = None
    """Whose states it takes: -2 = the last but one; None = the last one's, normed."""
    is_normed: bool = True
    """States of an inner layer pass the final norm."""
    is_projected: bool = True
    """The pooled vector passes CLIP's projection."""


@dataclass(frozen=True)
class TextRecipe:
    name: str
    encoders: tuple[EncoderRules, ...]
    join: Callable[[Mapping[EncoderName, Encoded]], Cond]
    needs_all: bool = True
    """False: any of the encoders may be absent."""

    def rules_of(self, part: str) -> EncoderRules:
        return next(rules for rules in self.encoders if rules.part == part)


# CLIP-L was trained with its end token as padding; OpenCLIP with token 0, an exclamation mark.
_L_CHUNKS: Final = ChunkRules(token_ids, start=START_TOKEN, end=END_TOKEN, pad=END_TOKEN, length=CLIP_TOKENS)
_OPEN_CHUNKS: Final = ChunkRules(token_ids, start=START_TOKEN, end=END_TOKEN, pad=0, length=CLIP_TOKENS)


def _t5_chunks(min_length: int) -> ChunkRules:
    return ChunkRules(t5_token_ids, end=T5_END_TOKEN, pad=0, min_length=min_length)


def _only(encoded: Mapping[EncoderName, Encoded]) -> Cond:
    (single,) = encoded.values()
    return Cond(single.states, single.pooled)


def _side_by_side(first: Tensor, second: Tensor) -> Tensor:
    """Widths joined; of the longer one's tokens only as many as the shorter one has."""
    tokens = min(first.shape[1], second.shape[1])
    return torch.cat([first[:, :tokens], second[:, :tokens]], dim=-1)


def _join_sdxl(encoded: Mapping[EncoderName, Encoded]) -> Cond:
    return Cond(_side_by_side(encoded["l"].states, encoded["g"].states), encoded["g"].pooled)


def _join_sd3(encoded: Mapping[EncoderName, Encoded]) -> Cond:
    """Esser et al. 2024: both CLIPs side by side, filled up with zeros to T5's width, then T5's tokens.

    What is absent leaves zeros, as ComfyUI does.
    """
    low, high, t5 = encoded.get("l"), encoded.get("g"), encoded.get("t5xxl")
    parts: list[Tensor] = []
    if low is not None and high is not None:
        parts.append(_side_by_side(low.states, high.states))
    elif low is not None:
        parts.append(low.states)
    elif high is not None:
        parts.append(functional.pad(high.states, (_L_WIDTH, 0)))
    width = _SD3_WIDTH if t5 is None else t5.states.shape[-1]
    parts = [functional.pad(part, (0, width - part.shape[-1])) for part in parts]
    if t5 is not None:
        parts.append(t5.states)
    context = torch.cat(parts, dim=1) if parts else torch.zeros(1, CLIP_TOKENS, _SD3_WIDTH)
    return Cond(context, torch.cat([_pooled(low, _L_WIDTH), _pooled(high, _G_WIDTH)], dim=-1))


def _pooled(encoded: Encoded | None, width: int) -> Tensor:
    return torch.zeros(1, width) if encoded is None or encoded.pooled is None else encoded.pooled


def _join_flux(encoded: Mapping[EncoderName, Encoded]) -> Cond:
    return Cond(encoded["t5xxl"].states, encoded["l"].pooled)


SD1: Final = TextRecipe("sd1", (EncoderRules("l", "clip_l", _L_CHUNKS),), _only)
SD2: Final = TextRecipe("sd2", (EncoderRules("h", "clip_h", _OPEN_CHUNKS, layer=-2),), _only)
SDXL_REFINER: Final = TextRecipe(
    "sdxl_refiner", (EncoderRules("g", "clip_g", _OPEN_CHUNKS, layer=-2, is_normed=False),), _only
)
SDXL: Final = TextRecipe(
    "sdxl",
    (
        EncoderRules("l", "clip_l", _L_CHUNKS, layer=-2, is_normed=False),
        EncoderRules("g", "clip_g", _OPEN_CHUNKS, layer=-2, is_normed=False),
    ),
    _join_sdxl,
)
SD3: Final = TextRecipe(
    "sd3",
    (
        EncoderRules("l", "clip_l", _L_CHUNKS, layer=-2, is_normed=False, is_projected=False),
        EncoderRules("g", "clip_g", _OPEN_CHUNKS, layer=-2, is_normed=False),
        EncoderRules("t5xxl", "t5xxl", _t5_chunks(77)),
    ),
    _join_sd3,
    needs_all=False,
)
FLUX: Final = TextRecipe(
    "flux",
    (
        EncoderRules("l", "clip_l", _L_CHUNKS, is_projected=False),
        EncoderRules("t5xxl", "t5xxl", _t5_chunks(256)),
    ),
    _join_flux,
)
RECIPES: Final[Mapping[str, TextRecipe]] = {recipe.name: recipe for recipe in (SD1, SD2, SDXL, SDXL_REFINER, SD3, FLUX)}

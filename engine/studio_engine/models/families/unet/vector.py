"""The vector that SDXL's networks read besides the prompt's tokens (Podell et al. 2023): pooled text and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.models.families.unet.pictures import NoiseAugmentor, picture_vector, pictures_of
from studio_engine.models.families.unet.sinusoids import sinusoids
from studio_engine.sampling.conditioning import Cond, RunInfo

SIZE_WIDTH: Final = 256
"""Channels that each size becomes."""
_AESTHETIC_SCORES: Final = (6.0, 2.5)
"""Of a positive and of a negative prompt that name none."""


def sizes_vector(cond: Cond, prompt: int, run: RunInfo) -> Tensor:
    """SDXL: pooled text, then picture size, crop and target size; `[rows, pooled + 6 · 256]`."""
    width, height = _picture_size(cond, run)
    size = cond.size
    target_height = height if size.target_height is None else size.target_height
    target_width = width if size.target_width is None else size.target_width
    return _joined(cond, (height, width, size.crop_height, size.crop_width, target_height, target_width), run)


def score_vector(cond: Cond, prompt: int, run: RunInfo) -> Tensor:
    """The refiner: pooled text, then picture size, crop and aesthetic score; `[rows, pooled + 5 · 256]`."""
    width, height = _picture_size(cond, run)
    size = cond.size
    score = _AESTHETIC_SCORES[prompt == 1] if size.aesthetic_score is None else size.aesthetic_score
    return _joined(cond, (height, width, size.crop_height, size.crop_width, score), run)


def _picture_size(cond: Cond, run: RunInfo) -> tuple[int, int]:
    height, width = (side * run.cells for side in run.shape[-2:])
    size = cond.size
    return (width if size.width is None else size.width, height if size.height is None else size.height)


def _joined(cond: Cond, sizes: Sequence[float], run: RunInfo) -> Tensor:
    flat = sinusoids(torch.tensor(sizes, dtype=torch.float32), SIZE_WIDTH).flatten()
    pooled = _pooled(cond, run)
    return torch.cat([pooled, flat.expand(pooled.shape[0], -1)], dim=1)


def _pooled(cond: Cond, run: RunInfo) -> Tensor:
    """Of the text, or of pictures in its place (SDXL Revision), which CLIP has in the same space."""
    pictures = pictures_of(cond)
    if pictures:
        augmentor = NoiseAugmentor(pictures[0].embeds.shape[-1])
        return picture_vector(cond, run, augmentor, merged_noise=0.0)[:, : augmentor.width]
    if cond.pooled is None:
        raise EngineError(
            "engine.node_failed",
            "This prompt has no pooled text, which the model needs; encode it with the CLIP of the same checkpoint.",
        )
    return cond.pooled.float().cpu()

"""What Flux's variants read besides the latents: a picture to follow, and where to draw anew (Fill)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from studio_engine.imaging.resize import resize
from studio_engine.models.families.dit.config import FluxConfig
from studio_engine.sampling.conditioning import Cond, RunInfo
from studio_engine.sampling.model import LatentFormat


def extra_channels(cond: Cond, run: RunInfo, latent: LatentFormat, config: FluxConfig) -> Tensor | None:
    """`[batch, channels, h, w]`: the picture's latents, then 64 channels of the mask's pixels in each latent cell.

    A prompt without a picture is read as one of empty latents, one without a mask as "draw everything anew".
    """
    if config.in_channels <= config.channels:
        return None
    batch, _, height, width = run.shape
    given = cond.concat_latent
    raw = torch.zeros(batch, config.channels, height, width) if given is None else given.float().cpu()
    picture = latent.to_model(_fitted(raw, (height, width), batch))
    if config.in_channels <= 2 * config.channels:
        return picture
    mask = run.mask if cond.concat_mask is None else cond.concat_mask
    mask = torch.ones(batch, 1, height, width) if mask is None else mask.float().cpu()
    mask = mask.reshape(-1, 1, *mask.shape[-2:]) if mask.ndim == 3 else mask.mean(dim=1, keepdim=True)
    pixels = _fitted(mask, (height * run.cells, width * run.cells), batch)
    cells = pixels.reshape(batch, 1, height, run.cells, width, run.cells)
    return torch.cat([picture, torch.einsum("nchpwq->npqchw", cells).flatten(1, 3)], dim=1)


def _fitted(x: Tensor, size: tuple[int, int], batch: int) -> Tensor:
    """At `size`, the middle cut out where the aspect differs, with rows spread evenly over the batch."""
    if x.shape[-2:] != size:
        x = resize(x, size[1], size[0], method="bilinear", crop="center")
    rows = x.shape[0]
    if rows == batch:
        return x
    if rows > batch:
        step = (rows - 1) / max(batch - 1, 1)
        return x[[min(round(row * step), rows - 1) for row in range(batch)]]
    return x[[min(math.floor((row + 0.5) * rows / batch), rows - 1) for row in range(batch)]]

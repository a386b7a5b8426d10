"""Extra input channels: what stays of a picture (inpainting), and the picture to edit."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from studio_engine.imaging.resize import resize
from studio_engine.sampling.conditioning import Cond, RunInfo
from studio_engine.sampling.model import LatentFormat

ZERO_PIXELS: Final = (0.8223, -0.6876, 0.6364, 0.1380)
"""Latents (scaled) of a picture that is 0 everywhere, which inpainting networks saw under their masks."""


def inpaint_channels(cond: Cond, run: RunInfo, latent: LatentFormat) -> Tensor:
    """`[batch, 1 + channels, h, w]`: 1 where to draw anew, and the latents of the picture without that part.

    A prompt that brings neither is read as "draw everything anew".
    """
    batch, _, height, width = run.shape
    mask = run.mask if cond.concat_mask is None else _as_channel(cond.concat_mask)
    if mask is None:
        blank = torch.tensor(ZERO_PIXELS).view(1, -1, 1, 1).expand(batch, -1, height, width)
        return torch.cat([torch.ones(batch, 1, height, width), blank], dim=1)
    picture = run.latent if cond.concat_latent is None else latent.to_model(cond.concat_latent.float().cpu())
    mask = _fitted(mask.float().cpu(), run).round()
    return torch.cat([mask, _fitted(picture, run)], dim=1)


def edit_channels(cond: Cond, run: RunInfo, latent: LatentFormat) -> Tensor:
    """`[batch, channels, h, w]`: the raw latents of the picture to edit (Brooks et al. 2022); zeros without one."""
    if cond.concat_latent is None:
        return torch.zeros(run.shape[0], latent.channels, *run.shape[-2:])
    return _fitted(cond.concat_latent.float().cpu(), run)


def scaled_edit_channels(cond: Cond, run: RunInfo, latent: LatentFormat) -> Tensor:
    """The same of a network that was taught with scaled latents (CosXL edit)."""
    if cond.concat_latent is None:
        return edit_channels(cond, run, latent)
    return _fitted(latent.to_model(cond.concat_latent.float().cpu()), run)


def _as_channel(mask: Tensor) -> Tensor:
    return mask[:, :1] if mask.ndim == 4 else mask.reshape(-1, 1, *mask.shape[-2:])


def _fitted(x: Tensor, run: RunInfo) -> Tensor:
    """At the latents' size, middle cut out where the aspect differs, with one row per row of the batch."""
    batch, _, height, width = run.shape
    if x.shape[-2:] != (height, width):
        x = resize(x, width, height, method="bilinear", crop="center")
    return _with_rows(x, batch)


def _with_rows(x: Tensor, rows: int) -> Tensor:
    """Rows spread evenly over those that are wanted, as ComfyUI spreads them."""
    given = x.shape[0]
    if given == rows:
        return x
    if rows <= 1:
        return x[:rows]
    if rows < given:
        step = (given - 1) / (rows - 1)
        return x[[min(round(row * step), given - 1) for row in range(rows)]]
    step = given / rows
    return x[[min(math.floor((row + 0.5) * step), given - 1) for row in range(rows)]]

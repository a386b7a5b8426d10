"""A linear map from latents to colours, fitted once per autoencoder, so that previews cost microseconds."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.models.families.sd1.load import Sd1Weights
from studio_engine.runtime.plan import ComputePlan

# 4 latents of 16 × 16 cells: 1,024 samples for 15 unknowns; one decode of about 128² pixels each.
_BATCH = 4
_CELLS = 16
_PATCHES = 4


@torch.no_grad()
def fit_preview_factors(weights: Sd1Weights, plan: ComputePlan) -> Tensor:
    """`[latent channels + 1, 3]`: least squares between smooth random latents and the mean colour of their cells."""
    config = weights.config.vae
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(_BATCH, config.latent_channels, _PATCHES, _PATCHES, generator=generator)
    latents = functional.interpolate(coarse, size=(_CELLS, _CELLS), mode="bicubic", align_corners=False)
    raw = (latents / config.latent_scale).to(device=plan.device, dtype=weights.vae_dtype)
    images = weights.vae.decode(raw, return_dict=False)[0].float().cpu()
    cells = functional.avg_pool2d((images + 1.0) / 2.0, config.downscale)
    known = latents.permute(0, 2, 3, 1).reshape(-1, config.latent_channels)
    known = torch.cat([known, torch.ones(len(known), 1)], dim=1)
    factors: Tensor = torch.linalg.lstsq(known, cells.permute(0, 2, 3, 1).reshape(-1, 3)).solution
    return factors

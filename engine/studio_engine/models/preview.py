"""A linear map from latents to colours, fitted once per autoencoder, so that previews cost microseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.models.vae.config import VaeConfig

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    from studio_engine.models.parts import LoadedPart, PartRef, PartSource
    from studio_engine.runtime.plan import ComputePlan
    from studio_engine.sampling.model import LatentFormat

# 4 latents of 16 × 16 cells: 1,024 samples for 5 or 17 unknowns a colour; one decode of about 128² pixels each.
_BATCH = 4
_CELLS = 16
_PATCHES = 4


class PreviewFactors:
    """The maps found so far: `[latent channels + 1, 3]` from latents as the network sees them (and 1) to 0…1."""

    def __init__(self) -> None:
        self._known: dict[tuple[PartRef, LatentFormat], Tensor] = {}

    def find(self, source: PartSource, vae: PartRef, latent: LatentFormat) -> Tensor:
        key = (vae, latent)
        if key not in self._known:
            self._known[key] = fit_preview_factors(source.part(vae), latent, source.plan)
        return self._known[key]


@torch.no_grad()
def fit_preview_factors(vae: LoadedPart, latent: LatentFormat, plan: ComputePlan) -> Tensor:
    """`[latent channels + 1, 3]`: least squares between smooth random latents and the mean colour of their cells."""
    config = vae.config
    assert isinstance(config, VaeConfig)
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(_BATCH, config.latent_channels, _PATCHES, _PATCHES, generator=generator)
    latents = functional.interpolate(coarse, size=(_CELLS, _CELLS), mode="bicubic", align_corners=False)
    raw = latent.to_raw(latents).to(device=plan.device, dtype=vae.dtype)
    autoencoder = cast("AutoencoderKL", vae.module)
    images = autoencoder.decode(raw, return_dict=False)[0].float().cpu()
    cells = functional.avg_pool2d((images + 1.0) / 2.0, config.downscale)
    known = latents.permute(0, 2, 3, 1).reshape(-1, config.latent_channels)
    known = torch.cat([known, torch.ones(len(known), 1)], dim=1)
    factors: Tensor = torch.linalg.lstsq(known, cells.permute(0, 2, 3, 1).reshape(-1, 3)).solution
    return factors

"""Rough pictures of latents while they are drawn: from a small autoencoder, or by a linear map to colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.models.vae.handle import decoded
from studio_engine.models.vae.tiny import TinyConfig

if TYPE_CHECKING:
    from studio_engine.models.parts import LoadedPart, PartRef, PartSource
    from studio_engine.runtime.plan import ComputePlan
    from studio_engine.sampling.model import LatentFormat

# 4 latents of 16 × 16 cells: 1,024 samples for 5 or 17 unknowns a colour; one decode of about 128² pixels each.
_BATCH = 4
_CELLS = 16
_PATCHES = 4
# A preview's longer side in cells: 256 pixels, which a small autoencoder decodes in about 0.3 s on two CPU cores.
_SMALL_CELLS = 32


class Previews:
    """Keeps the linear maps found so far: the fit costs one small decode."""

    def __init__(self) -> None:
        self._factors: dict[tuple[PartRef, LatentFormat], Tensor] = {}

    def colours(self, source: PartSource, latents: Tensor, latent: LatentFormat, vae: PartRef | None) -> Tensor:
        """`[batch, h, w, 3]` in 0…1 on the CPU, of latents as networks see them."""
        if vae is None:
            # Without an autoencoder there are no colours to know; the first channel follows the brightness.
            cells = latents.detach().float().cpu()[:, :1].movedim(1, -1)
            return cells.expand(-1, -1, -1, 3).mul(0.25).add(0.5).clamp(0.0, 1.0)
        part = source.part(vae)
        if isinstance(part.config, TinyConfig):
            return source.batcher.alone(lambda: _small_picture(part, latents, latent, plan=source.plan))
        factors = self.factors(source, vae, latent)
        cells = latents.detach().float().cpu().movedim(1, -1)
        return (cells @ factors[:-1] + factors[-1]).clamp(0.0, 1.0)

    def factors(self, source: PartSource, vae: PartRef, latent: LatentFormat) -> Tensor:
        key = (vae, latent)
        if key not in self._factors:
            self._factors[key] = fit_preview_factors(source.part(vae), latent, source.plan)
        return self._factors[key]


@torch.no_grad()
def fit_preview_factors(vae: LoadedPart, latent: LatentFormat, plan: ComputePlan) -> Tensor:
    """`[latent channels + 1, 3]`: least squares between smooth random latents and the mean colour of their cells."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(_BATCH, latent.channels, _PATCHES, _PATCHES, generator=generator)
    latents = functional.interpolate(coarse, size=(_CELLS, _CELLS), mode="bicubic", align_corners=False)
    images = decoded(vae, latent.to_raw(latents), plan).float().cpu()
    cells = functional.avg_pool2d((images + 1.0) / 2.0, latent.cells)
    known = latents.permute(0, 2, 3, 1).reshape(-1, latent.channels)
    known = torch.cat([known, torch.ones(len(known), 1)], dim=1)
    factors: Tensor = torch.linalg.lstsq(known, cells.permute(0, 2, 3, 1).reshape(-1, 3)).solution
    return factors


@torch.no_grad()
def _small_picture(part: LoadedPart, latents: Tensor, latent: LatentFormat, *, plan: ComputePlan) -> Tensor:
    share = _SMALL_CELLS / max(latents.shape[-2:])
    few = latents.detach().float()
    if share < 1.0:
        size = [max(1, round(side * share)) for side in latents.shape[-2:]]
        few = functional.interpolate(few, size=size, mode="area")
    picture = decoded(part, latent.to_raw(few), plan).float().cpu()
    return ((picture + 1.0) / 2.0).clamp(0.0, 1.0).movedim(1, -1)

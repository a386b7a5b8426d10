"""VAE: an autoencoder under a light name. Latents are raw: their scale is the sampler's affair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from studio_engine.models.parts import LoadedPart, PartRef, PartSource
from studio_engine.models.vae.config import VaeConfig
from studio_engine.runtime.memory import check_fits

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

# Activations that live at once, in tensors of the first level's size: 1 GB for one picture of 512² in fp32.
_COPIES = 8


@dataclass(frozen=True, eq=False)
class Vae:
    """An Autoencoder."""

    source: PartSource
    ref: PartRef

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        part, plan = self.source.part(self.ref), self.source.plan
        config = _config(part.config)
        pixels = _cropped(images, config.downscale).permute(0, 3, 1, 2) * 2.0 - 1.0
        placed = pixels.to(device=plan.device, dtype=part.dtype)
        rows = [_module(part).encode(row[None]).latent_dist.mode() for row in placed]
        return torch.cat(rows).float().cpu()

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        part, plan = self.source.part(self.ref), self.source.plan
        config = _config(part.config)
        pixels = latents.shape[2] * latents.shape[3] * config.downscale**2
        check_fits(pixels * config.widths[0] * part.dtype.itemsize * _COPIES, plan.device)
        placed = latents.to(device=plan.device, dtype=part.dtype)
        # One picture at a time: the decoder's memory then does not grow with the batch.
        rows = [_module(part).decode(row[None], return_dict=False)[0].float().cpu() for row in placed]
        return ((torch.cat(rows) + 1.0) / 2.0).clamp(0.0, 1.0).permute(0, 2, 3, 1).contiguous()


def _module(part: LoadedPart) -> AutoencoderKL:
    return cast("AutoencoderKL", part.module)


def _config(config: object) -> VaeConfig:
    assert isinstance(config, VaeConfig)
    return config


def _cropped(images: Tensor, multiple: int) -> Tensor:
    """The centre, with both sides cut to multiples of the autoencoder's cell."""
    height, width = images.shape[1:3]
    rows, columns = height // multiple * multiple, width // multiple * multiple
    top, left = (height - rows) // 2, (width - columns) // 2
    return images[:, top : top + rows, left : left + columns, :3]

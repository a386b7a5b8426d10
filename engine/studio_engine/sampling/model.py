"""What sampling needs of a model: one denoise call, its noise levels, its latent scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from studio_engine.sampling.model_sampling import ModelSampling


@dataclass(frozen=True)
class Conditioning:
    """What the picture shall show, as the model's cross attention reads it."""

    context: Tensor
    """`[1 or batch, tokens, width]`"""


@dataclass(frozen=True)
class Latent:
    """Raw VAE latents, as ComfyUI's `{"samples": …, "batch_index": …, "noise_mask": …}`."""

    samples: Tensor
    """`[batch, channels, height / 8, width / 8]`, fp32 on the CPU, not multiplied by the latent scale."""
    batch_index: tuple[int, ...] | None = None
    """Which row of the seed's noise each row takes; None = 0, 1, 2, …"""
    mask: Tensor | None = None
    """`[rows, h, w]` or `[rows, 1, h, w]` in 0…1, of any size: 1 = draw anew, 0 = keep. None = draw all anew."""


class DiffusionModel(Protocol):
    """A network bound to its weights, device and dtype."""

    @property
    def sampling(self) -> ModelSampling: ...

    @property
    def latent_scale(self) -> float:
        """Raw VAE latents are multiplied by this before noise is added (SD 1.x: 0.18215)."""
        ...

    @property
    def device(self) -> torch.device:
        """Where `denoise` wants its tensors."""
        ...

    def denoise(self, x: Tensor, sigma: Tensor, cond: Conditioning) -> Tensor:
        """The clean latents expected behind `x` = clean + sigma · noise.

        `x` is fp32 `[batch, channels, h, w]`, `sigma` `[batch]`, the context has `batch` rows; the
        answer is fp32 like `x`. Input scaling and the prediction type (eps, v) are the model's affair.
        """
        ...

    def to_rgb(self, latents: Tensor) -> Tensor:
        """Rough colours of latents multiplied by the latent scale: `[batch, h, w, 3]` in 0…1 on the CPU."""
        ...

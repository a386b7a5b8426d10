"""Redrawing a part of the latents: where the mask is 0 they are kept, where it is 1 they are drawn anew."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.imaging.batches import repeat_to
from studio_engine.sampling.hooks import MaskHook
from studio_engine.sampling.model_sampling import ModelSampling
from studio_engine.sampling.samplers.protocol import Denoise

CELL: Final = 8
"""Pixels per latent cell and side of every autoencoder that pictures are cut for."""


def latent_mask(mask: Tensor, samples: Tensor) -> Tensor:
    """A mask `[rows, h, w]` or `[rows, 1, h, w]` of any size as `[batch, 1, h, w]` of the latents, resized bilinearly.

    Fewer masks than rows of the batch are repeated in turn.
    """
    planes = mask.reshape(-1, 1, *mask.shape[-2:]).float()
    resized = functional.interpolate(planes, size=samples.shape[-2:], mode="bilinear")
    return repeat_to(resized, samples.shape[0])


def pixel_mask(pixels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Images `[batch, h, w, c]` with sides of whole cells, cut at the middle, and the mask as `[rows, 1, h, w]`."""
    planes = mask.reshape(-1, 1, *mask.shape[-2:])
    resized = functional.interpolate(planes, size=pixels.shape[1:3], mode="bilinear")
    return cropped(pixels), cropped(resized.movedim(1, -1)).movedim(-1, 1)


def cropped(images: Tensor) -> Tensor:
    """The middle of `[batch, h, w, c]` with sides of whole cells."""
    height, width = images.shape[1:3]
    top, left = height % CELL // 2, width % CELL // 2
    return images[:, top : top + height // CELL * CELL, left : left + width // CELL * CELL]


def emptied(pixels: Tensor, mask: Tensor) -> Tensor:
    """Images `[batch, h, w, c]` that are grey where the mask `[rows, 1, h, w]` is white."""
    kept = (1.0 - repeat_to(mask, pixels.shape[0]).round()).movedim(1, -1)
    return (pixels - 0.5) * kept + 0.5


def grown_box(mask: Tensor, pixels: int) -> Tensor:
    """The rounded mask `[rows, 1, h, w]`, grown by a square of this side."""
    if pixels == 0:
        return mask
    padding = math.ceil((pixels - 1) / 2)
    # The larger of a square's values; an even square sticks out by one at the end, which is cut off.
    grown = functional.max_pool2d(functional.pad(mask.round(), [padding] * 4), kernel_size=pixels, stride=1)
    return grown[..., : mask.shape[-2], : mask.shape[-1]].clamp(0, 1)


@dataclass(frozen=True)
class DifferentialDiffusion:
    """Levin & Fried 2023: a grey mask says how early in the run a place is given free.

    `strength` below 1 mixes with the mask as it is.
    """

    strength: float = 1.0

    def __call__(self, mask: Tensor, share: Tensor) -> Tensor:
        free = (mask >= share).to(mask.dtype)
        if 0 < self.strength < 1:
            return self.strength * free + (1 - self.strength) * mask
        return free


@dataclass(frozen=True, eq=False)
class Masked:
    """A `Denoise` that sees the kept latents at the noise level of the step, and gives them back clean."""

    inner: Denoise
    latent: Tensor
    """Multiplied by the latent scale, where x lives; so are noise and mask."""
    noise: Tensor
    mask: Tensor
    sigmas: Tensor
    """Those of the whole run."""
    schedule: MaskHook | None = None

    @property
    def sampling(self) -> ModelSampling:
        return self.inner.sampling

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        mask = self._mask_at(sigma)
        return self._kept(self.inner(self._seen(x, sigma, mask), sigma), mask)

    def both(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Only the guided answer is mixed with the latents, as in ComfyUI."""
        mask = self._mask_at(sigma)
        denoised, without = self.inner.both(self._seen(x, sigma, mask), sigma)
        return self._kept(denoised, mask), without

    def _seen(self, x: Tensor, sigma: Tensor, mask: Tensor) -> Tensor:
        level = sigma.to(x.device).view(-1, *[1] * (x.dim() - 1))
        return x * mask + self.sampling.noised(self.latent, self.noise, level) * (1.0 - mask)

    def _kept(self, denoised: Tensor, mask: Tensor) -> Tensor:
        return denoised * mask + self.latent * (1.0 - mask)

    def _mask_at(self, sigma: Tensor) -> Tensor:
        if self.schedule is None:
            return self.mask
        last = self.sigmas[-1].clamp(min=self.sampling.sigma_min)
        start, end, now = (self.sampling.timestep(each) for each in (self.sigmas[0], last, sigma[0]))
        share = (now - end) / (start - end) if start != end else torch.ones(())
        return self.schedule(self.mask, share.to(self.mask.device))

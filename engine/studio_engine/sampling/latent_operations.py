"""Ways to change latents `[batch, channels, h, w]`, whose channels are taken as one vector per cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.sampling.hooks import GuidanceCall

TINY: Final = 1e-10
SHARPEN_LEAST: Final = 1e-6
SHARPEN_GAIN: Final = 10.0


class LatentOperation(Protocol):
    """LATENT_OPERATION."""

    def __call__(self, latents: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class ReinhardTonemap:
    """Reinhard et al. 2002, on the vectors' lengths; those of five deviations above the mean are halved."""

    multiplier: float = 1.0

    def __call__(self, latents: Tensor) -> Tensor:
        lengths = _lengths(latents) + TINY
        mean = lengths.mean(dim=(1, 2, 3), keepdim=True)
        top = (lengths.std(dim=(1, 2, 3), keepdim=True) * 5 + mean) * self.multiplier
        # A multiplier of 0 leaves nothing; without the least value it would be 0 / 0.
        relative = lengths / top.clamp(min=TINY)
        return latents / lengths * (relative / (relative + 1.0) * top)


@dataclass(frozen=True)
class Sharpen:
    """The vectors' directions minus their blur; lengths stay."""

    radius: int
    sigma: float
    alpha: float

    def __call__(self, latents: Tensor) -> Tensor:
        lengths = _lengths(latents) + SHARPEN_LEAST
        kernel = self._kernel().to(latents)
        # Reflection needs more cells than it mirrors; smaller latents repeat their edge.
        mode = "reflect" if min(latents.shape[-2:]) > self.radius else "replicate"
        padded = functional.pad(latents / lengths, [self.radius] * 4, mode=mode)
        channels = latents.shape[1]
        return lengths * functional.conv2d(padded, kernel.expand(channels, 1, -1, -1), groups=channels)

    def _kernel(self) -> Tensor:
        size = 2 * self.radius + 1
        at = torch.linspace(-1, 1, size)
        blur = torch.exp(-(at[:, None] ** 2 + at**2) / (2 * self.sigma**2))
        kernel = blur / blur.sum() * self.alpha * -SHARPEN_GAIN
        kernel[self.radius, self.radius] += 1.0 - kernel.sum()
        return kernel


@dataclass(frozen=True)
class OperationOnGuidance:
    """A PreCfgHook: changes the difference between the positive and the negative answer."""

    operation: LatentOperation

    def __call__(self, call: GuidanceCall) -> tuple[Tensor, ...]:
        positive, negative, *rest = call.answers
        return (self.operation(positive - negative) + negative, negative, *rest)


def interpolated(one: Tensor, other: Tensor, share: float) -> Tensor:
    """`share` of the first and the rest of the second: directions and lengths are mixed apart."""
    lengths = [_lengths(each) for each in (one, other)]
    directions = [torch.nan_to_num(each / length) for each, length in zip((one, other), lengths, strict=True)]
    mixed = directions[0] * share + directions[1] * (1.0 - share)
    direction = torch.nan_to_num(mixed / _lengths(mixed))
    return direction * (lengths[0] * share + lengths[1] * (1.0 - share))


def _lengths(latents: Tensor) -> Tensor:
    """`[batch, 1, h, w]`"""
    lengths: Tensor = torch.linalg.vector_norm(latents, dim=1, keepdim=True)
    return lengths

"""Pictures as prompts (unCLIP, Ramesh et al. 2022): CLIP's vector of a picture, with noise that blurs its details."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.models.families.unet.sinusoids import sinusoids
from studio_engine.sampling.conditioning import Cond, RunInfo

EXTRA: Final = "unclip_conditioning"
"""Under which a prompt carries its pictures, as a tuple of PictureHint."""
MERGED_NOISE: Final = 0.05
"""How much of the noise Stable Diffusion 2 unCLIP gets with several pictures."""
_LEVELS: Final = 1000
_MAX_BETA: Final = 0.999
_OFFSET: Final = 0.008
# The noise shall not be that of the latents.
_SEED_SHIFT: Final = -10


@dataclass(frozen=True, eq=False)
class PictureHint:
    embeds: Tensor
    """`[rows, width]`: CLIP's vector of each picture."""
    strength: float
    noise: float
    """0…1: how little of the picture's details shall count."""


@dataclass(frozen=True, eq=False)
class NoiseAugmentor:
    """Adds noise to CLIP's vectors and says how much it was."""

    width: int
    mean: Tensor = field(default_factory=lambda: torch.zeros(1))
    deviation: Tensor = field(default_factory=lambda: torch.ones(1))
    """Of CLIP's vectors, where the checkpoint knows them."""

    def __call__(self, vector: Tensor, noise: float, seed: int) -> Tensor:
        """`[1, width]` to `[1, 2 · width]`: the noisy vector, and the level as sinusoids."""
        if vector.shape[1] != self.width:
            raise EngineError(
                "engine.node_failed",
                f"The picture has {vector.shape[1]} numbers and the model reads {self.width}; encode it with the CLIP "
                "vision model that belongs to the model.",
            )
        level = round((_LEVELS - 1) * noise)
        signal = _signal_shares()[level]
        scaled = (vector - self.mean) / self.deviation
        drawn = torch.randn(scaled.shape, generator=torch.Generator().manual_seed(seed))
        noisy = signal.sqrt().float() * scaled + (1.0 - signal).sqrt().float() * drawn
        return torch.cat([noisy * self.deviation + self.mean, sinusoids(torch.tensor([level]), self.width)], dim=1)


def pictures_of(cond: Cond) -> tuple[PictureHint, ...]:
    found = cond.extra.get(EXTRA, ())
    return tuple(each for each in found if isinstance(each, PictureHint)) if isinstance(found, Sequence) else ()


def picture_vector(cond: Cond, run: RunInfo, augmentor: NoiseAugmentor, *, merged_noise: float) -> Tensor:
    """`[1, 2 · width]` of all pictures of a prompt; several are summed, and the sum gets noise of its own."""
    seed = run.seed + _SEED_SHIFT
    parts = [
        augmentor(vector[None].float().cpu(), hint.noise, seed) * hint.strength
        for hint in pictures_of(cond)
        for vector in hint.embeds
    ]
    total = torch.stack(parts).sum(dim=0)
    return total if len(parts) == 1 else augmentor(total[:, : augmentor.width], merged_noise, seed)


@lru_cache(maxsize=1)
def _signal_shares() -> Tensor:
    """ᾱ of the cosine schedule (Nichol & Dhariwal 2021), fp64 `[1000]`."""

    def share(time: float) -> float:
        return math.cos((time + _OFFSET) / (1 + _OFFSET) * math.pi / 2) ** 2

    betas = [min(1 - share((i + 1) / _LEVELS) / share(i / _LEVELS), _MAX_BETA) for i in range(_LEVELS)]
    return torch.cumprod(1.0 - torch.tensor(betas, dtype=torch.float64), dim=0)

"""Reproducible noise. Every number depends on the seed, the shape and the order of the draws alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

import torch
from torch import Tensor
from torchsde import BrownianTree

MAX_SEED: Final = 2**64 - 1

TREE_DIGITS: Final = 6
"""Decimals that torchsde keeps of a sigma at its default tolerance of 1e-6."""

StepNoise: TypeAlias = Callable[[], Tensor]
"""The next draw of unit Gaussian noise, shaped as the whole batch."""

PathNoise: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Unit Gaussian noise for the stride between two sigmas: the increment of one Brownian path."""


def initial_noise(samples: Tensor, seed: int, batch_index: Sequence[int] | None = None) -> Tensor:
    """Noise like `samples` `[batch, …]`, drawn on the CPU so that every device gives the same picture.

    `seed` is unsigned, up to 64 bits. Without `batch_index` the batch is one draw; with it, row i is
    drawing number `batch_index[i]` of single rows. A private generator leaves torch's own untouched.
    """
    generator = torch.Generator(device="cpu").manual_seed(seed)
    if batch_index is None:
        return torch.randn(samples.shape, dtype=samples.dtype, generator=generator)
    row_shape = (1, *samples.shape[1:])
    wanted = set(batch_index)
    rows: dict[int, Tensor] = {}
    for index in range(max(wanted) + 1):
        row = torch.randn(row_shape, dtype=samples.dtype, generator=generator)
        if index in wanted:
            rows[index] = row
    return torch.cat([rows[index] for index in batch_index])


def no_noise(samples: Tensor, seed: int, batch_index: Sequence[int] | None = None) -> Tensor:
    """In place of `initial_noise`, for latents that bring their noise along (ComfyUI's DisableNoise)."""
    return torch.zeros_like(samples)


@dataclass(frozen=True)
class Noise:
    """NOISE: what a run starts from. `seed` also starts the noise that samplers add on the way."""

    seed: int = 0
    is_drawn: bool = True

    def like(self, samples: Tensor, batch_index: Sequence[int] | None = None) -> Tensor:
        draw = initial_noise if self.is_drawn else no_noise
        return draw(samples, self.seed, batch_index)


def step_noise(x: Tensor, seed: int) -> StepNoise:
    """Noise that ancestral samplers add, one draw per step, made on x's device.

    Starts from the run's own seed, so on the CPU the first draw repeats the initial noise. That is
    what ComfyUI 0.3 does; pictures are equal only if we do it too.
    """
    generator = torch.Generator(device=x.device).manual_seed(seed)
    return lambda: torch.randn(x.shape, dtype=x.dtype, device=x.device, generator=generator)


def brownian_noise(x: Tensor, sigmas: Tensor, seed: int, *, is_on_device: bool = False) -> PathNoise:
    """Noise of the SDE samplers: increments of a Brownian tree over the run's sigmas.

    Made on the CPU, whose numbers are the same everywhere, or on x's device. The same stride gives the
    same increment at any number of steps, so more steps refine one picture (Li et al. 2020). `sigmas`
    are CPU fp32, falling, one above zero. The tree spans the whole batch.
    """
    low, high = float(sigmas[sigmas > 0].min()), float(sigmas.max())

    @cache
    def tree() -> BrownianTree:
        # Made at the first draw: a run of one step spans no interval, and never draws.
        device = x.device if is_on_device else "cpu"
        return BrownianTree(low, torch.zeros(x.shape, dtype=x.dtype, device=device), high, entropy=seed)

    def within(sigma: Tensor) -> float:
        # The tree rounds its ends, and warns of queries that stick out by the rounding.
        return min(max(float(sigma), round(low, TREE_DIGITS)), round(high, TREE_DIGITS))

    def draw(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        # The path runs from low sigma to high; a sampler walks it backwards, hence the minus.
        increment: Tensor = -tree()(within(sigma_next), within(sigma))
        return (increment / (sigma_next - sigma).abs().sqrt()).to(x.device)

    return draw

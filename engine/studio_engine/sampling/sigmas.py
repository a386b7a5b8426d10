"""The sigmas of one run: scheduler, sampler and denoise strength together."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from studio_engine.sampling.model_sampling import ModelSampling
from studio_engine.sampling.schedulers import get_scheduler

DISCARDS_PENULTIMATE: Final = frozenset({"dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"})
"""Samplers whose last but one sigma is left out, because a tiny last stride makes them unstable."""

FULL_DENOISE: Final = 0.9999

MAX_SCHEDULE: Final = 100_000
"""Longest schedule that is computed to keep its end; a `denoise` of 1e-9 would ask for one of gigabytes."""


def calculate_sigmas(model: ModelSampling, scheduler: str, steps: int) -> Tensor:
    """Sigmas of a full run, fp32 on the CPU. Raises `generate.unknown_scheduler`."""
    return get_scheduler(scheduler)(model, steps)


def sampler_sigmas(model: ModelSampling, scheduler: str, sampler: str, *, steps: int, denoise: float = 1.0) -> Tensor:
    """Sigmas that a sampler runs over; empty where `denoise` ≤ 0.

    With `denoise` < 1 a longer schedule of `steps / denoise` is cut to its last `steps`. Where that is
    longer than the model's table some sigmas repeat; a stride of no length is left out.
    """
    if denoise > FULL_DENOISE:
        return _without_repeats(_for_sampler(model, scheduler, sampler=sampler, steps=steps))
    if denoise <= 0.0:
        return torch.empty(0)
    longer = int(min(steps / denoise, MAX_SCHEDULE))
    return _without_repeats(_for_sampler(model, scheduler, sampler=sampler, steps=longer)[-(steps + 1) :])


def between_steps(sigmas: Tensor, start: int, end: int | None, *, has_leftover_noise: bool = False) -> Tensor:
    """The sigmas of steps `start` to `end` (counted from 0, `end` excluded; None = all) of a run.

    A run that is cut before its end still goes down to 0 in its last step, unless it may leave noise.
    """
    if end is not None and end < len(sigmas) - 1:
        sigmas = sigmas[: end + 1]
        if not has_leftover_noise:
            sigmas = torch.cat([sigmas[:-1], sigmas.new_zeros(1)])
    return sigmas[start:]


def _for_sampler(model: ModelSampling, scheduler: str, *, sampler: str, steps: int) -> Tensor:
    if sampler not in DISCARDS_PENULTIMATE:
        return calculate_sigmas(model, scheduler, steps)
    sigmas = calculate_sigmas(model, scheduler, steps + 1)
    return torch.cat([sigmas[:-2], sigmas[-1:]])


def _without_repeats(sigmas: Tensor) -> Tensor:
    return torch.cat([sigmas[:-1][sigmas[:-1] > sigmas[1:]], sigmas[-1:]])

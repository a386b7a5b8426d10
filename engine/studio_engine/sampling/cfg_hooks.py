"""Other ways to weigh what the positive and the negative prompt say. Frozen values: equal ones are the same hook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.sampling.hooks import GuidanceCall, RunState

WHOLE: Final = (-1, -2, -3)
"""All dimensions of a row of the batch."""
TINY: Final = 1e-8


@dataclass(frozen=True)
class RescaleCfg:
    """Lin et al. 2023: guidance that keeps the spread of the positive answer, as velocities. A CfgHook."""

    multiplier: float

    def __call__(self, call: GuidanceCall) -> Tensor:
        sigma, scale = call.level, (call.level**2 + 1.0) ** 0.5
        faded = call.x / (sigma * sigma + 1.0)
        positive, negative = ((faded - answer) * scale / sigma for answer in (call.positive, call.negative))
        guided = negative + call.cfg * (positive - negative)
        spread = positive.std(dim=WHOLE, keepdim=True) / guided.std(dim=WHOLE, keepdim=True)
        velocity = self.multiplier * guided * spread + (1.0 - self.multiplier) * guided
        return faded - velocity * sigma / scale


@dataclass(frozen=True)
class RenormCfg:
    """Qin et al. 2025 (Lumina 2): guided answers are never longer than `limit` times the positive one. A CfgHook.

    At noise levels of `truncation` and above the positive answer stands as it is.
    """

    truncation: float
    limit: float

    def __call__(self, call: GuidanceCall) -> Tensor:
        if float(call.sigma[0]) >= self.truncation:
            return call.positive
        guided = _plain(call)
        if self.limit <= 0:
            return guided
        most = _length(call.positive) * self.limit
        return guided * (most / _length(guided)).clamp(max=1.0)


@dataclass(frozen=True)
class LinearCfg:
    """The scale rises from `least` at the first row of the batch, a video's frame, to its full at the last."""

    least: float
    is_triangle: bool = False
    """Rises to its full in the middle and falls again."""

    def __call__(self, call: GuidanceCall) -> Tensor:
        share = torch.linspace(0, 1, call.x.shape[0], device=call.x.device)
        if self.is_triangle:
            share = 2 * (share - torch.floor(share + 0.5)).abs()
        scale = (share * (call.cfg - self.least) + self.least).view(-1, *[1] * (call.x.dim() - 1))
        return call.negative + scale * (call.positive - call.negative)


@dataclass(frozen=True)
class CfgNorm:
    """The guided answer is nowhere longer than the positive one, as vectors of channels. A PostCfgHook."""

    strength: float

    def __call__(self, call: GuidanceCall) -> Tensor:
        lengths = [torch.norm(each, dim=1, keepdim=True) for each in (call.positive, call.guided)]
        share: Tensor = (lengths[0] / (lengths[1] + TINY)).clamp(0.0, 1.0)
        return call.guided * share * self.strength


@dataclass(frozen=True)
class CfgZeroStar:
    """Fan et al. 2025: the negative answer is first scaled to fit the positive one best. A PostCfgHook."""

    def __call__(self, call: GuidanceCall) -> Tensor:
        positive, negative = ((call.x - answer).flatten(1) for answer in (call.positive, call.negative))
        fit = (positive * negative).sum(dim=1) / ((negative**2).sum(dim=1) + TINY)
        share = fit.view(-1, *[1] * (call.x.dim() - 1))
        return call.guided + call.negative * (share - 1.0) + call.cfg * call.negative * (1.0 - share)


@dataclass(frozen=True)
class ScaledNoise:
    """Ning et al. 2023 (epsilon scaling): a little less noise is expected than the model says. A PostCfgHook."""

    factor: float

    def __call__(self, call: GuidanceCall) -> Tensor:
        return call.x - (call.x - call.guided) / self.factor


@dataclass(frozen=True)
class LikenessGuidance:
    """Mahiro: between the guided answer and the scaled positive one, by how alike negative and positive point."""

    def __call__(self, call: GuidanceCall) -> Tensor:
        leap = call.positive * call.cfg
        likeness = functional.cosine_similarity(
            _signed_root(call.negative * call.cfg), _signed_root((leap + call.guided) / 2)
        ).mean()
        share = 2 * (likeness + 1)
        return (share * call.guided + (4 - share) * leap) / 4


@dataclass(frozen=True)
class TangentialDamping:
    """Kwon et al. 2025: the negative answer keeps only what it shares with the positive one. A PreCfgHook."""

    def __call__(self, call: GuidanceCall) -> tuple[Tensor, ...]:
        if not call.is_negative_asked:
            return call.answers
        noises = torch.stack([(call.x - each).flatten(1).float() for each in (call.negative, call.positive)], dim=1)
        _, _, directions = torch.linalg.svd(noises, full_matrices=False)
        main = directions[:, :1]
        damped = (noises[:, :1] @ main.transpose(1, 2)) * main
        return (call.positive, call.x - damped.reshape(call.x.shape), *call.answers[2:])


@dataclass(frozen=True)
class FrequencyScaling:
    """Huang et al. 2025 (FreSca): guidance scaled apart for coarse and for fine structure. A PreCfgHook."""

    low: float
    high: float
    cutoff: int
    """Half the side, in cells of the spectrum, of what counts as coarse."""

    def __call__(self, call: GuidanceCall) -> tuple[Tensor, ...]:
        if not call.is_negative_asked:
            return call.answers
        scaled = scaled_spectrum(
            call.positive - call.negative,
            half_sides(call.x.shape[-2:], self.cutoff),
            inside=self.low,
            outside=self.high,
        )
        return (scaled + call.negative, call.negative, *call.answers[2:])


@dataclass(frozen=True, eq=False)
class AdaptiveProjection:
    """Sadat et al. 2024 (APG): guidance without what only makes the positive answer stronger. A PreCfgHook."""

    eta: float
    """Share of that part which is kept."""
    norm_threshold: float
    """Longest guidance of a row; 0 = any."""
    momentum: float
    """Share of the guidance of the steps before; below 0 pushes away from them."""
    _past: RunState[tuple[float, Tensor]] = field(default_factory=RunState)

    def __call__(self, call: GuidanceCall) -> tuple[Tensor, ...]:
        if not call.is_negative_asked:
            return call.answers
        difference = call.positive - call.negative
        guidance = self._with_momentum(call, difference)
        if self.norm_threshold > 0:
            guidance = guidance * (self.norm_threshold / _length(guidance)).clamp(max=1.0)
        direction = functional.normalize(call.positive.flatten(1), dim=1).view_as(call.positive)
        along = (guidance * direction).sum(dim=WHOLE, keepdim=True) * direction
        changed = guidance - along + self.eta * along
        # Classifier-free guidance multiplies by the scale; dividing keeps the plain share of one.
        positive = call.negative + changed + difference / call.cfg if call.cfg else call.negative + changed
        return (positive, *call.answers[1:])

    def _with_momentum(self, call: GuidanceCall, difference: Tensor) -> Tensor:
        if self.momentum == 0:
            return difference
        sigma, past = float(call.sigma[0]), self._past.get(call.answer)
        average = difference if past is None or sigma > past[0] else self.momentum * past[1] + difference
        self._past.set(call.answer, (sigma, average))
        return average


def half_sides(size: Sequence[int], cutoff: int) -> tuple[int, int]:
    height, width = size
    return min(cutoff, height // 2), min(cutoff, width // 2)


def scaled_spectrum(x: Tensor, half: tuple[int, int], *, inside: float, outside: float = 1.0) -> Tensor:
    """`x` `[…, h, w]` with low frequencies, a rectangle of these half sides, times `inside`, others `outside`."""
    spectrum = torch.fft.fftshift(torch.fft.fftn(x.float(), dim=(-2, -1)), dim=(-2, -1))
    middle = [side // 2 for side in x.shape[-2:]]
    scale = torch.full(x.shape[-2:], outside, device=x.device)
    scale[middle[0] - half[0] : middle[0] + half[0], middle[1] - half[1] : middle[1] + half[1]] = inside
    scaled = torch.fft.ifftshift(spectrum * scale, dim=(-2, -1))
    filtered: Tensor = torch.fft.ifftn(scaled, dim=(-2, -1)).real
    return filtered.to(x.dtype)


def _plain(call: GuidanceCall) -> Tensor:
    return call.negative + (call.positive - call.negative) * call.cfg


def _length(x: Tensor) -> Tensor:
    """Of each row of the batch, above zero."""
    length: Tensor = torch.linalg.vector_norm(x, dim=WHOLE, keepdim=True)
    return length.clamp(min=TINY)


def _signed_root(x: Tensor) -> Tensor:
    return x.abs().sqrt() * x.sign()

"""Guidance away from what a weakened network says: perturbed and blurred attention, skipped layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.sampling.conds import PromptList
from studio_engine.sampling.hooks import Answers, GuidanceCall, HookCall, NetworkHooks, Place, RunState
from studio_engine.sampling.model import Model

MIDDLE: Final = Place("middle", 0)
BLUR_SIDE: Final = 9
"""Cells of the blur's kernel."""
LEAST_BLUR: Final = 0.01
"""Cells. The nearest neighbour would count by exp(−5000)."""
LEAST_SIDE: Final = 4
"""Latents of this side or less are too small to blur."""


@dataclass(frozen=True)
class ValuesOnly:
    """An AttentionHook: in the middle block, every token attends to itself alone."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, plain: Tensor, call: HookCall) -> Tensor:
        return v if call.place.side == MIDDLE.side else plain


@dataclass(frozen=True)
class PerturbedAttention:
    """Ahn et al. 2024 (PAG). A PostCfgHook."""

    scale: float

    def __call__(self, call: GuidanceCall) -> Tensor:
        if self.scale == 0:
            return call.guided
        weakened = call.model.with_hooks(NetworkHooks(attention=(("attn1", None, ValuesOnly()),)))
        (answer,) = call.answer(weakened, call.prompts[:1], call.x, call.sigma)
        return call.guided + (call.positive - answer) * self.scale


@dataclass(frozen=True)
class SkippedLayers:
    """Layers to pass over while sigma is between two levels."""

    places: tuple[Place, ...]
    start_percent: float
    end_percent: float

    def is_active(self, model: Model, sigma: Tensor) -> bool:
        start, end = (model.sampling.percent_to_sigma(each) for each in (self.start_percent, self.end_percent))
        return start >= float(sigma[0]) >= end

    def weakened(self, model: Model) -> Model:
        return model.with_hooks(NetworkHooks(skipped=self.places))


@dataclass(frozen=True)
class SkipLayerGuidance:
    """Hyung et al. 2024 (SLG): away from what the network says without some layers. A PostCfgHook."""

    layers: SkippedLayers
    scale: float
    rescaling: float = 0.0
    """Share by which the result gets the positive answer's spread."""

    def __call__(self, call: GuidanceCall) -> Tensor:
        if self.scale <= 0 or not self.layers.is_active(call.model, call.sigma):
            return call.guided
        (answer,) = call.answer(self.layers.weakened(call.model), call.prompts[:1], call.x, call.sigma)
        guided = call.guided + (call.positive - answer) * self.scale
        if self.rescaling == 0:
            return guided
        factor = call.positive.std() / guided.std()
        return guided * (self.rescaling * factor + (1 - self.rescaling))


@dataclass(frozen=True)
class SkipLayersOfNegative:
    """The negative prompt is answered without some layers: no further calls. An AskHook."""

    layers: SkippedLayers

    def __call__(
        self, answer: Answers, model: Model, prompts: Sequence[PromptList | None], x: Tensor, sigma: Tensor
    ) -> tuple[Tensor, ...]:
        if len(prompts) < 2 or prompts[1] is None or not self.layers.is_active(model, sigma):
            return answer(model, prompts, x, sigma)
        weakened = self.layers.weakened(model)
        answers = answer(model, (prompts[0], None, *prompts[2:]), x, sigma)
        (negative,) = answer(weakened, prompts[1:2], x, sigma)
        return (answers[0], negative, *answers[2:])


@dataclass(eq=False)
class _Recorder:
    """An AttentionHook that keeps how much the negative prompt's rows attend, of the middle block's first layer."""

    attention: Tensor | None = None
    """`[rows, tokens]`: how much every token is attended to, summed over those that attend, averaged over heads."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, plain: Tensor, call: HookCall) -> Tensor:
        rows = [row for row, prompt in enumerate(call.prompt_of_row) if prompt == 1]
        if rows:
            width = q.shape[-1] // call.heads
            q, k = (each[rows].view(len(rows), -1, call.heads, width).transpose(1, 2).float() for each in (q, k))
            weights = (q @ k.transpose(-1, -2) / width**0.5).softmax(dim=-1)
            self.attention = weights.mean(dim=1).sum(dim=1)
        return plain


@dataclass(frozen=True, eq=False)
class SelfAttentionGuidance:
    """Hong et al. 2023 (SAG): away from the answer to a picture blurred where the network looks. Ask and PostCfg."""

    scale: float
    blur_sigma: float
    _attention: RunState[Tensor] = field(default_factory=RunState)

    def ask(
        self, answer: Answers, model: Model, prompts: Sequence[PromptList | None], x: Tensor, sigma: Tensor
    ) -> tuple[Tensor, ...]:
        # A recorder of its own for each step: equal to no other hook, it shares no forward with other jobs' rows.
        recorder = _Recorder()
        answers = answer(model.with_hooks(NetworkHooks(attention=(("attn1", MIDDLE, recorder),))), prompts, x, sigma)
        if recorder.attention is not None:
            self._attention.set(answer, recorder.attention)
        return answers

    def post_cfg(self, call: GuidanceCall) -> Tensor:
        attention = self._attention.get(call.answer)
        if attention is None or min(call.guided.shape[2:]) <= LEAST_SIDE:
            return call.guided
        where = attention_map(attention, call.x)
        degraded = blurred(call.negative, self.blur_sigma) * where + call.negative * (1 - where)
        (answer,) = call.answer(call.model, call.prompts[1:2], degraded + call.x - call.negative, call.sigma)
        return call.guided + (degraded - answer) * self.scale


def attention_map(attention: Tensor, x: Tensor) -> Tensor:
    """1 where tokens `[rows, tokens]` are attended to more than evenly, at the size of `x`: `[batch, 1, h, w]`."""
    tokens = attention.shape[-1]
    rows = _rows_of(tokens, x.shape[-2] / x.shape[-1])
    looked_at = (attention > 1.0).to(x.dtype).view(-1, 1, rows, tokens // rows)
    return functional.interpolate(looked_at, x.shape[-2:]).to(x.device)


def _rows_of(tokens: int, aspect: float) -> int:
    """The height, nearest to the aspect, of a rectangle of so many tokens."""
    wanted = round(math.sqrt(aspect * tokens))
    for offset in range(tokens):
        for rows in (wanted + offset, max(1, wanted - offset)):
            if rows and tokens % rows == 0:
                return rows
    return 1


def blurred(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of `[batch, channels, h, w]` over 9 × 9 cells; a sigma of next to nothing does not blur."""
    if sigma < LEAST_BLUR:
        return x
    half = (BLUR_SIDE - 1) / 2
    weights = torch.exp(-0.5 * (torch.linspace(-half, half, BLUR_SIDE) / sigma) ** 2)
    kernel = (weights / weights.sum()).to(x)
    channels = x.shape[1]
    padded = functional.pad(x, [BLUR_SIDE // 2] * 4, mode="reflect")
    square = (kernel[:, None] * kernel).expand(channels, 1, -1, -1)
    return functional.conv2d(padded, square, groups=channels)

"""Guidance: what several prompts' answers make of one step (classifier-free guidance: Ho & Salimans 2022)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from studio_engine.sampling.answers import RunAnswers
from studio_engine.sampling.conditioning import Conditioning, RunInfo
from studio_engine.sampling.conds import PromptList
from studio_engine.sampling.hooks import Answers, GuidanceCall, GuidedStep, RunState
from studio_engine.sampling.model import Model
from studio_engine.sampling.model_sampling import ModelSampling


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a run, as a guider sees it."""

    model: Model
    prompts: tuple[PromptList, ...]
    answer: Answers
    x: Tensor
    sigma: Tensor
    """`[batch]`"""
    needs_negative: bool
    """The sampler asks what the negative prompt alone says (CFG++)."""

    def ask(self, *wanted: PromptList | None) -> tuple[Tensor, ...]:
        """What these prompts say; the second one is the negative."""
        hook = self.model.guidance.ask
        if hook is None:
            return self.answer(self.model, wanted, self.x, self.sigma)
        return hook(self.answer, self.model, wanted, self.x, self.sigma)

    def call(self, answers: tuple[Tensor, ...], cfg: float, *, is_negative_asked: bool = True) -> GuidanceCall:
        return GuidanceCall(
            model=self.model,
            x=self.x,
            sigma=self.sigma,
            cfg=cfg,
            prompts=self.prompts,
            answers=answers,
            answer=self.answer,
            is_negative_asked=is_negative_asked,
        )


class Guider(Protocol):
    """GUIDER: a model with its prompts, and how their answers are weighed."""

    @property
    def model(self) -> Model: ...

    @property
    def prompts(self) -> tuple[Conditioning, ...]:
        """Positive, negative, …"""
        ...

    def guided(self, step: Step) -> tuple[Tensor, Tensor]:
        """`(denoised, what the negative prompt alone says)`; the latter counts only where the step needs it."""
        ...


@dataclass(frozen=True, eq=False)
class Guidance:
    """A `Denoise`: a guider in one run."""

    guider: Guider
    model: Model
    """The guider's, as patched for this run."""
    prompts: tuple[PromptList, ...]
    answer: Answers

    @property
    def sampling(self) -> ModelSampling:
        return self.model.sampling

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self._guided(x, sigma, needs_negative=False)[0]

    def both(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return self._guided(x, sigma, needs_negative=True)

    def _guided(self, x: Tensor, sigma: Tensor, *, needs_negative: bool) -> tuple[Tensor, Tensor]:
        def step(x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
            return self.guider.guided(Step(self.model, self.prompts, self.answer, x, sigma, needs_negative))

        call: GuidedStep = step
        for wrapper in self.model.guidance.steps:
            call = partial(wrapper, call)
        return call(x, sigma)


def bound(guider: Guider, run: RunInfo) -> Guidance:
    """Prepares model and prompts for the run. Raises what `conds.prepared` raises."""
    answer, model = RunAnswers(guider.model, run), guider.model
    for patch in model.guidance.runs:
        model = patch.for_run(model)
    return Guidance(guider, model, answer.prepare(*guider.prompts), answer)


@dataclass(frozen=True, eq=False)
class CfgGuider:
    """`negative + (positive − negative) · cfg`; at 1 the negative prompt has no weight and is not asked."""

    model: Model
    positive: Conditioning
    negative: Conditioning
    cfg: float

    @property
    def prompts(self) -> tuple[Conditioning, ...]:
        return self.positive, self.negative

    def guided(self, step: Step) -> tuple[Tensor, Tensor]:
        is_asked = not _has_no_weight(self.cfg, step)
        positive, negative = step.prompts
        return _with_hooks(step, step.ask(positive, negative if is_asked else None), self.cfg, is_asked=is_asked)


@dataclass(frozen=True, eq=False)
class BasicGuider:
    """One prompt, nothing to be kept away from."""

    model: Model
    positive: Conditioning

    @property
    def prompts(self) -> tuple[Conditioning, ...]:
        return (self.positive,)

    def guided(self, step: Step) -> tuple[Tensor, Tensor]:
        denoised, _ = _with_hooks(step, step.ask(step.prompts[0], None), 1.0, is_asked=False)
        return denoised, denoised


@dataclass(frozen=True, eq=False)
class DualCfgGuider:
    """Two guided steps in one: from the negative to the middle prompt, and from there to the positive one.

    Nested, guidance towards the positive prompt comes first, and the negative prompt pushes its result.
    """

    model: Model
    positive: Conditioning
    middle: Conditioning
    negative: Conditioning
    cfg: float
    """From middle to positive."""
    cfg_middle: float
    """From negative to middle."""
    is_nested: bool = False

    @property
    def prompts(self) -> tuple[Conditioning, ...]:
        return self.positive, self.negative, self.middle

    def guided(self, step: Step) -> tuple[Tensor, Tensor]:
        if self.is_nested:
            return self._nested(step)
        positive, negative, middle = step.prompts
        is_asked = not _has_no_weight(self.cfg_middle, step)
        is_middle_asked = is_asked or not _has_no_weight(self.cfg, step)
        wanted, without, between = step.ask(
            positive, negative if is_asked else None, middle if is_middle_asked else None
        )
        inner = replace(step, prompts=(middle, negative))
        guided = _after_cfg(inner.call((between, without), self.cfg_middle, is_negative_asked=is_asked))
        return guided + (wanted - between) * self.cfg, without

    def _nested(self, step: Step) -> tuple[Tensor, Tensor]:
        positive, negative, middle = step.prompts
        wanted, without, between = step.ask(positive, negative, middle)
        inner = replace(step, prompts=(positive, middle))
        guided = _after_cfg(inner.call((wanted, between), self.cfg))
        return without + self.cfg_middle * (guided - without), between


@dataclass(frozen=True, eq=False)
class PerpNegGuider:
    """Armandpour et al. 2023: only what the negative prompt says besides the positive one is avoided."""

    model: Model
    positive: Conditioning
    negative: Conditioning
    empty: Conditioning
    cfg: float
    neg_scale: float

    @property
    def prompts(self) -> tuple[Conditioning, ...]:
        return self.positive, self.negative, self.empty

    def guided(self, step: Step) -> tuple[Tensor, Tensor]:
        positive, negative, empty = step.ask(*step.prompts)
        guided = perp_neg((positive, negative, empty), neg_scale=self.neg_scale, cfg=self.cfg)
        return _after_post_hooks(step.call((positive, negative, empty), self.cfg), guided), negative


@dataclass(frozen=True, eq=False)
class PerpNegCfg:
    """The same as a CfgHook, with an empty prompt that is asked in a call of its own."""

    empty: Conditioning
    neg_scale: float
    _prepared: RunState[PromptList] = field(default_factory=RunState)

    def __call__(self, call: GuidanceCall) -> Tensor:
        prompts = self._prepared.get(call.answer)
        if prompts is None:
            # Second of two, for it is of the negative kind.
            _, prompts = call.answer.prepare((), self.empty)
            self._prepared.set(call.answer, prompts)
        (empty,) = call.answer(call.model, (prompts,), call.x, call.sigma)
        return perp_neg((call.positive, call.negative, empty), neg_scale=self.neg_scale, cfg=call.cfg)


def perp_neg(answers: tuple[Tensor, Tensor, Tensor], *, neg_scale: float, cfg: float) -> Tensor:
    """From what the positive, the negative and the empty prompt say; the projection is over the whole batch."""
    positive, negative, empty = answers
    towards, away = positive - empty, negative - empty
    along = (towards * away).sum() / torch.norm(towards) ** 2
    # Where the positive prompt says nothing of its own, nothing of the negative lies along it.
    besides: Tensor = away - along.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0) * towards
    return empty + cfg * (towards - besides * neg_scale)


def _has_no_weight(cfg: float, step: Step) -> bool:
    return math.isclose(cfg, 1.0) and not step.needs_negative and not step.model.guidance.always_asks_negative


def _with_hooks(step: Step, answers: tuple[Tensor, ...], cfg: float, *, is_asked: bool) -> tuple[Tensor, Tensor]:
    call = step.call(answers, cfg, is_negative_asked=is_asked)
    for hook in step.model.guidance.pre_cfg:
        call = replace(call, answers=hook(call))
    return _after_cfg(call), call.negative


def _after_cfg(call: GuidanceCall) -> Tensor:
    cfg = call.model.guidance.cfg
    plain = call.negative + (call.positive - call.negative) * call.cfg if cfg is None else cfg(call)
    return _after_post_hooks(call, plain)


def _after_post_hooks(call: GuidanceCall, denoised: Tensor) -> Tensor:
    for hook in call.model.guidance.post_cfg:
        denoised = hook(replace(call, denoised=denoised))
    return denoised

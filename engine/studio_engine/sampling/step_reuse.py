"""Sparing calls of the network while little changes: EasyCache (Zhou et al. 2025), and the same on whole steps."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import torch
from torch import Tensor

from studio_engine.sampling.conditioning import Cond, NetInput, RunInfo
from studio_engine.sampling.conds import sigma_range
from studio_engine.sampling.hooks import GuidedStep, NetworkHooks
from studio_engine.sampling.model import Model, Network

log = logging.getLogger(__name__)

STRIDE: Final = 8
"""Change is measured at every eighth cell of every eighth row."""


@dataclass(frozen=True)
class Reuse:
    """When calls may be spared."""

    threshold: float
    """Change, as a share of the answer's size, that may add up before the network is asked again."""
    start_percent: float
    end_percent: float
    is_told: bool = False
    """Whether every spared call is logged."""


@dataclass
class _Drift:
    """Guesses how far the answer has moved since it was asked for, by how far the input has."""

    reuse: Reuse
    sigmas: tuple[float, float]
    total: float = 0.0
    rate: float | None = None
    """Of the answer's change to the input's."""
    size: float = 0.0
    """Mean absolute value of the last answer."""
    moved: float | None = None
    """How far the input of this call is from that of the last answer."""
    last: tuple[Tensor, Tensor] | None = None

    def is_over(self, sigma: float) -> bool:
        return not sigma > self.sigmas[1]

    def is_small(self, x: Tensor, sigma: float) -> bool:
        """Whether the answer to `x` may be guessed."""
        self.moved = None
        if sigma > self.sigmas[0] or self.last is None or self.last[0].shape != _sample(x).shape:
            return False
        self.moved = _distance(_sample(x), self.last[0])
        if self.rate is None or self.size == 0:
            return False
        self.total += self.rate * self.moved / self.size
        if self.total < self.reuse.threshold:
            if self.reuse.is_told:
                log.info("sigma %.4f: answer reused, change %.4f", sigma, self.total)
            return True
        self.total = 0.0
        return False

    def learn(self, x: Tensor, answer: Tensor) -> None:
        if self.last is not None and self.moved:
            self.rate = _distance(_sample(answer), self.last[1]) / self.moved
        self.last, self.size = (_sample(x).clone(), _sample(answer).clone()), answer.abs().mean().item()


@dataclass(frozen=True)
class EasyCache:
    """A RunPatch: single calls of the network are spared. The first call of a step decides for all of them."""

    reuse: Reuse

    def for_run(self, model: Model) -> Model:
        return replace(model, network=_ReusingNetwork(model.network, _drift(self.reuse, model)))


@dataclass(frozen=True)
class LazyCache:
    """A RunPatch: whole guided steps are spared."""

    reuse: Reuse

    def for_run(self, model: Model) -> Model:
        return model.with_guidance(model.guidance.with_step(_ReusingStep(_drift(self.reuse, model))))


@dataclass(eq=False)
class _ReusingStep:
    """A StepWrapper of one run."""

    drift: _Drift
    changes: tuple[Tensor, Tensor] | None = None
    """What the last computed step added to x: in both of its answers."""

    def __call__(self, step: GuidedStep, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        level = float(sigma[0])
        if self.drift.is_over(level):
            return step(x, sigma)
        if self.drift.is_small(x, level) and self.changes is not None:
            return x + self.changes[0], x + self.changes[1]
        denoised, without = step(x, sigma)
        self.drift.learn(x, denoised)
        self.changes = denoised - x, without - x
        return denoised, without


@dataclass(eq=False)
class _Memory:
    """What the calls of one run share."""

    changes: dict[Hashable, Tensor] = field(default_factory=dict)
    """What the last computed call of each kind added to x."""
    seen: Counter[Hashable] = field(default_factory=Counter)
    """Calls of each kind in this step."""
    level: float | None = None
    is_spared: bool = False


@dataclass(frozen=True, eq=False)
class _ReusingNetwork:
    """A Network of one run."""

    inner: Network
    drift: _Drift
    memory: _Memory = field(default_factory=_Memory)

    @property
    def ref(self) -> object:
        """The weights' name, where the network has one: adapters for single prompts go by it."""
        return cast(Any, self.inner).ref

    def patched_by(self, patch: object) -> _ReusingNetwork:
        return replace(self, inner=cast(Any, self.inner).patched_by(patch))

    @property
    def family(self) -> str:
        return self.inner.family

    @property
    def batch_key(self) -> Hashable:
        return self.inner.batch_key

    @property
    def device(self) -> torch.device:
        return self.inner.device

    def prepare(self, cond: Cond, prompt: int, run: RunInfo) -> NetInput:
        return self.inner.prepare(cond, prompt, run)

    def to_rgb(self, latents: Tensor) -> Tensor:
        return self.inner.to_rgb(latents)

    def predict(self, x: Tensor, timestep: Tensor, inputs: NetInput, hooks: NetworkHooks, sigma: Tensor) -> Tensor:
        level = float(sigma[0])
        if self.drift.is_over(level):
            return self.inner.predict(x, timestep, inputs, hooks, sigma)
        memory = self.memory
        is_first, kind = level != memory.level, self._kind(x, inputs, hooks, level)
        own = [row for row, prompt in enumerate(inputs.prompt_of_row) if prompt == inputs.prompt_of_row[0]]
        if is_first:
            memory.is_spared = self.drift.is_small(x[own], level)
        if memory.is_spared and kind in memory.changes:
            return x + memory.changes[kind]
        answer = self.inner.predict(x, timestep, inputs, hooks, sigma)
        if is_first:
            self.drift.learn(x[own], answer[own])
        memory.changes[kind] = answer - x
        return answer

    def _kind(self, x: Tensor, inputs: NetInput, hooks: NetworkHooks, level: float) -> Hashable:
        """Calls of one kind answer the same prompts in every step."""
        memory = self.memory
        if level != memory.level:
            memory.seen.clear()
            memory.level = level
        form = (x.shape, inputs.prompt_of_row, inputs.context.shape, len(inputs.controls), hooks.skipped)
        memory.seen[form] += 1
        return form, memory.seen[form]


def _drift(reuse: Reuse, model: Model) -> _Drift:
    return _Drift(reuse, sigma_range(model.sampling, reuse.start_percent, reuse.end_percent))


def _sample(x: Tensor) -> Tensor:
    return x[..., ::STRIDE, ::STRIDE]


def _distance(one: Tensor, other: Tensor) -> float:
    return (one - other).abs().mean().item()

"""Prompts that change the model which answers them: a LoRA for one prompt alone, at strengths that follow the run."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from studio_engine.sampling.model_sampling import ModelSampling

if TYPE_CHECKING:
    from studio_engine.sampling.model import Model, Network
    from studio_engine.sampling.text_encoder import TextEncoder


class ModelChange(Hashable, Protocol):
    """What a prompt does to the model; equal changes give equal weights."""

    def applied(self, model: Model, strength: float) -> Model:
        """The model with changed weights. Raises where it is not of the right family."""
        ...

    def applied_to_text(self, clip: TextEncoder, strength: float) -> TextEncoder:
        """The text encoder with changed weights; the very same where it is not changed."""
        ...


@dataclass(frozen=True)
class Keyframe:
    """From this share of the run on, the hook's strength is multiplied by another number."""

    strength: float
    start_percent: float = 0.0
    least_steps: int = 1
    """Steps that it lasts even where the next one's share has come; 0 = none."""


@dataclass(frozen=True)
class PromptHook:
    change: ModelChange
    strength: float
    clip_strength: float = 0.0
    keyframes: tuple[Keyframe, ...] = ()
    """By rising share; the first counts from the run's start."""

    def share_from(self, percent: float) -> float:
        """What multiplies the strengths from this share of the run on."""
        if not self.keyframes:
            return 1.0
        begun = [each for each in self.keyframes if each.start_percent <= percent]
        return (begun or self.keyframes[:1])[-1].strength


class HookedModels:
    """The models of one run's prompts, each made once."""

    def __init__(self) -> None:
        self._clocks: dict[tuple[Keyframe, ...], _Clock] = {}
        self._networks: dict[Hashable, tuple[Network, Network]] = {}

    def find(self, model: Model, hooks: tuple[PromptHook, ...], sigma: float) -> Model:
        """The model that answers a prompt with these hooks at this step."""
        if not hooks:
            return model
        uses = tuple((hook.change, hook.strength * self._share(hook, sigma, model.sampling)) for hook in hooks)
        key = (id(model.network), uses)
        if key not in self._networks:
            changed = model
            for change, strength in uses:
                changed = change.applied(changed, strength)
            # The plain network is kept alive, for its id names it.
            self._networks[key] = (model.network, changed.network)
        return replace(model, network=self._networks[key][1])

    def _share(self, hook: PromptHook, sigma: float, sampling: ModelSampling) -> float:
        if not hook.keyframes:
            return 1.0
        if hook.keyframes not in self._clocks:
            self._clocks[hook.keyframes] = _Clock(hook.keyframes, sampling, sigma)
        return self._clocks[hook.keyframes].strength_at(sigma)


class _Clock:
    """Which keyframe counts, as a run's steps go by."""

    def __init__(self, keyframes: tuple[Keyframe, ...], sampling: ModelSampling, first_sigma: float) -> None:
        self._keyframes = keyframes
        self._starts = [sampling.percent_to_sigma(each.start_percent) for each in keyframes]
        self._first_sigma = first_sigma
        self._current = 0
        self._steps = 0
        self._sigma: float | None = None

    def strength_at(self, sigma: float) -> float:
        if sigma != self._sigma:
            if self._steps >= self._least_steps(self._current):
                self._move_on(sigma)
            self._steps += 1
            self._sigma = sigma
        return self._keyframes[self._current].strength

    def _move_on(self, sigma: float) -> None:
        for number in range(self._current + 1, len(self._keyframes)):
            if self._starts[number] < sigma:
                return
            self._current, self._steps = number, 0
            if self._least_steps(number) > 0:
                return

    def _least_steps(self, number: int) -> int:
        """None for a keyframe that lies before a run which starts late."""
        keyframe = self._keyframes[number]
        is_before = keyframe.start_percent > 0 and self._starts[number] > self._first_sigma
        return 0 if is_before else keyframe.least_steps

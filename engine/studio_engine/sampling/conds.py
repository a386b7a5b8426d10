"""Lists of conditioning made ready for one run: areas in cells, percents as sigmas, tensors on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch

from studio_engine.sampling.conditioning import Cond, Conditioning, ControlUse, NetInput, RunInfo
from studio_engine.sampling.model import Model
from studio_engine.sampling.model_sampling import ModelSampling
from studio_engine.sampling.regions import Box, resolved

ALWAYS: Final = (float("inf"), float("-inf"))


@dataclass(frozen=True, eq=False)
class PreparedCond:
    """One prompt, ready to be asked at any step."""

    cond: Cond
    """Its mask is `[rows, h, w]` at the latents' size, on their device."""
    inputs: NetInput
    """One row, or one per row of the batch; without controls."""
    box: Box | None
    sigmas: tuple[float, float]
    """It counts from the first down to the second."""

    def counts_at(self, sigma: float) -> bool:
        return self.sigmas[0] >= sigma >= self.sigmas[1]


@dataclass(frozen=True, eq=False)
class PromptList:
    """A list of conditioning for one run: prompts whose answers are averaged where they overlap."""

    conds: tuple[PreparedCond, ...]

    @property
    def is_empty(self) -> bool:
        return not self.conds


def prepared(model: Model, run: RunInfo, lists: Sequence[Conditioning]) -> tuple[PromptList, ...]:
    """All lists of a run together (0 positive, 1 negative, …), because they depend on each other.

    Where one list has an area, every other gets a prompt of the same area, so that guidance compares like with like;
    and nets that a positive prompt brings for all steer the others too.
    Raises `engine.node_failed`, `engine.non_finite`, and whatever `Network.prepare` raises.
    """
    ready = [[_prepared(model, run, cond, index) for cond in conds] for index, conds in enumerate(lists)]
    for index, conds in enumerate(ready):
        for cond in list(conds):
            for other in ready[:index] + ready[index + 1 :]:
                _add_opposite(other, cond)
    for other in ready[1:]:
        _add_controls_for_all(ready[0], other)
    return tuple(PromptList(tuple(conds)) for conds in ready)


def sigma_range(sampling: ModelSampling, start_percent: float, end_percent: float) -> tuple[float, float]:
    """The sigmas of a share of the training steps; the whole is no bound at all."""
    start = ALWAYS[0] if start_percent <= 0 else sampling.percent_to_sigma(start_percent)
    end = ALWAYS[1] if end_percent >= 1 else sampling.percent_to_sigma(end_percent)
    return _as_fp32(start), _as_fp32(end)


def active_controls(sampling: ModelSampling, use: ControlUse | None, sigma: float) -> tuple[ControlUse, ...]:
    """The nets of a chain that steer at this sigma, the first applied first."""
    chain: list[ControlUse] = []
    while use is not None:
        start, end = sigma_range(sampling, use.start_percent, use.end_percent)
        if start >= sigma >= end:
            chain.insert(0, use)
        use = use.previous
    return tuple(chain)


def _as_fp32(value: float) -> float:
    """Steps have fp32 sigmas; a bound rounded alike holds the step that lies on it."""
    return float(torch.tensor(value, dtype=torch.float32))


def _prepared(model: Model, run: RunInfo, cond: Cond, prompt: int) -> PreparedCond:
    cond, box = resolved(cond, run.shape, run.device)
    inputs = replace(model.network.prepare(cond, prompt, run), prompt_of_row=(prompt,))
    ranges = (cond.start_percent, cond.end_percent), cond.encoded_for
    starts, ends = zip(*(sigma_range(model.sampling, *each) for each in ranges), strict=True)
    return PreparedCond(cond, inputs, box, (min(starts), max(ends)))


def _add_opposite(conds: list[PreparedCond], cond: PreparedCond) -> None:
    """What the list's best prompt for this area says, at the place, times and strength of `cond`."""
    box = cond.box
    if box is None:
        return
    around = [each for each in conds if each.box is None or box.is_inside(each.box)]
    best = min(
        around, key=lambda each: float("inf") if each.box is None else each.box.height * each.box.width, default=None
    )
    if best is not None and best.box != box:
        conds.append(replace(cond, inputs=best.inputs))


def _add_controls_for_all(positive: Sequence[PreparedCond], other: list[PreparedCond]) -> None:
    """Nets of whole-picture prompts, given in turn to the list's whole-picture prompts that have none."""
    uses = [each.cond.control for each in positive if each.box is None and each.cond.is_control_for_all]
    wanted = [use for use in uses if use is not None]
    places = [place for place, each in enumerate(other) if each.box is None]
    free = [place for place in places if other[place].cond.control is None]
    if not free or len(free) < len(places):
        return
    for number, use in enumerate(wanted):
        place = free[number % len(free)]
        steered = replace(other[place], cond=replace(other[place].cond, control=use))
        if other[place].cond.control is None:
            other[place] = steered
        else:
            other.append(steered)

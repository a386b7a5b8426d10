"""Classifier-free guidance (Ho & Salimans 2022): push the picture away from the negative prompt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from studio_engine.sampling.model import Conditioning, Model, NetInput, RunInfo
from studio_engine.sampling.model_sampling import ModelSampling

MAX_REPEAT = 4
"""Contexts whose lengths differ more than this are denoised one after the other, as ComfyUI does."""


def guided(model: Model, run: RunInfo, *, positive: Conditioning, negative: Conditioning, cfg: float) -> Guided:
    """A denoise call at guidance scale `cfg`; at 1 the negative prompt has no weight and is not computed."""
    prompts = [model.network.prepare(conds[0], index, run) for index, conds in enumerate((positive, negative))]
    return Guided(model, prompts[0].context, prompts[1].context, cfg)


@dataclass(frozen=True, eq=False)
class Guided:
    """A `Denoise`."""

    model: Model
    positive: Tensor
    negative: Tensor
    cfg: float

    @property
    def sampling(self) -> ModelSampling:
        return self.model.sampling

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        if math.isclose(self.cfg, 1.0):
            return _denoise(self.model, x, sigma, self.positive)
        return self.both(x, sigma)[0]

    def both(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        without, with_prompt = self._answers(x, sigma)
        return without + (with_prompt - without) * self.cfg, without

    def _answers(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """What both prompts say, negative first: in one call where their lengths allow."""
        pair = _paired(self.negative, self.positive)
        if pair is None:
            without = _denoise(self.model, x, sigma, self.negative)
            return without, _denoise(self.model, x, sigma, self.positive)
        contexts = torch.cat([_rows(each, x.shape[0]) for each in pair])
        answers = self.model.denoise(torch.cat([x, x]), torch.cat([sigma, sigma]), NetInput(contexts))
        without, with_prompt = answers.chunk(2)
        return without, with_prompt


def _denoise(model: Model, x: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
    return model.denoise(x, sigma, NetInput(_rows(context, x.shape[0])))


def _rows(context: Tensor, batch: int) -> Tensor:
    """One context per row of the batch; fewer contexts than rows are repeated in turn."""
    repeats = math.ceil(batch / context.shape[0])
    return context.repeat(repeats, 1, 1)[:batch]


def _paired(negative: Tensor, positive: Tensor) -> tuple[Tensor, Tensor] | None:
    """Both at one length. Attention over k copies of the same tokens equals attention over one."""
    lengths = negative.shape[1], positive.shape[1]
    common = math.lcm(*lengths)
    if common > MAX_REPEAT * min(lengths):
        return None
    return negative.repeat(1, common // lengths[0], 1), positive.repeat(1, common // lengths[1], 1)

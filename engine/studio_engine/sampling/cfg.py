"""Classifier-free guidance (Ho & Salimans 2022): push the picture away from the negative prompt."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from studio_engine.sampling.model import Conditioning, DiffusionModel
from studio_engine.sampling.samplers.protocol import Denoise

MAX_REPEAT = 4
"""Contexts whose lengths differ more than this are denoised one after the other, as ComfyUI does."""


def guided(model: DiffusionModel, *, positive: Conditioning, negative: Conditioning, cfg: float) -> Denoise:
    """A denoise call at guidance scale `cfg`; at 1 the negative prompt has no weight and is not computed."""
    if math.isclose(cfg, 1.0):
        return lambda x, sigma: _denoise(model, x, sigma, positive.context)
    pair = _paired(negative.context, positive.context)

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        if pair is None:
            without = _denoise(model, x, sigma, negative.context)
            return _mixed(without, _denoise(model, x, sigma, positive.context), cfg)
        contexts = torch.cat([_rows(each, x.shape[0]) for each in pair])
        both = model.denoise(torch.cat([x, x]), torch.cat([sigma, sigma]), Conditioning(contexts))
        without, with_prompt = both.chunk(2)
        return _mixed(without, with_prompt, cfg)

    return denoise


def _mixed(without: Tensor, with_prompt: Tensor, cfg: float) -> Tensor:
    return without + (with_prompt - without) * cfg


def _denoise(model: DiffusionModel, x: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
    return model.denoise(x, sigma, Conditioning(_rows(context, x.shape[0])))


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

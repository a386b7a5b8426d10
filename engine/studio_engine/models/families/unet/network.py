"""MODEL's network for UNets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from studio_engine.denoise.request import Forward
from studio_engine.errors import EngineError
from studio_engine.models.families.controls import control_residuals
from studio_engine.models.families.handle import NetworkHandle, check_width
from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.families.unet.walk import UnetInput, walk
from studio_engine.models.parts import LoadedPart, PartSource
from studio_engine.runtime.memory import check_fits
from studio_engine.sampling.conditioning import Cond, NetInput, RunInfo
from studio_engine.sampling.hooks import NetworkHooks
from studio_engine.sampling.model import LatentFormat

# Activations that live at once, in tensors of the first level's size: fp32, 512², 0.3 GB for a pair of rows.
_COPIES = 24

VectorMaker: TypeAlias = Callable[[Cond, int, RunInfo], Tensor]
"""(prompt, which list it is of, run) -> `[rows, width]`"""
ConcatMaker: TypeAlias = Callable[[Cond, RunInfo, LatentFormat], Tensor]
"""-> `[rows, channels, h, w]`"""


@dataclass(frozen=True)
class UnetReading:
    """What a UNet reads besides latents and tokens, and how prompts become it."""

    context_width: int
    vector: VectorMaker | None = None
    concat: ConcatMaker | None = None


@dataclass(frozen=True, eq=False)
class UnetNetwork(NetworkHandle):
    reading: UnetReading

    def prepare(self, cond: Cond, prompt: int, run: RunInfo) -> NetInput:
        check_width(cond, self.reading.context_width)
        vector = None if self.reading.vector is None else self.reading.vector(cond, prompt, run)
        concat = None if self.reading.concat is None else self.reading.concat(cond, run, self.latent)
        return NetInput(
            cond.context.to(run.device),
            vector=None if vector is None else vector.to(run.device),
            concat=None if concat is None else concat.to(run.device),
        )

    def forward(self, part: LoadedPart) -> Forward:
        return _Forward(self.source, part)


@dataclass(frozen=True, eq=False)
class _Forward:
    """A Forward: several jobs' rows at once."""

    source: PartSource
    part: LoadedPart

    def __call__(self, x: Tensor, timestep: Tensor, inputs: NetInput, hooks: NetworkHooks, sigma: Tensor) -> Tensor:
        plan, part = self.source.plan, self.part
        _check_memory(part, x)
        _check_vector(part, inputs.vector)
        layout = torch.channels_last if plan.is_channels_last else torch.contiguous_format
        joined = x if inputs.concat is None else torch.cat([x, inputs.concat.to(x)], dim=1)
        call = UnetInput(
            x=joined.to(plan.device, part.dtype).contiguous(memory_format=layout),
            timestep=timestep,
            context=inputs.context.to(plan.device, part.dtype),
            vector=None if inputs.vector is None else inputs.vector.to(plan.device, part.dtype),
            sigma=sigma,
            latent_shape=tuple(x.shape),
            prompt_of_row=inputs.prompt_of_row,
            residuals=control_residuals(x, timestep, inputs),
        )
        return walk(part.module, call, hooks).float()


def _check_vector(part: LoadedPart, vector: Tensor | None) -> None:
    config = part.config
    assert isinstance(config, UnetConfig)
    if vector is not None and vector.shape[1] != config.vector_width:
        raise EngineError(
            "engine.node_failed",
            f"The prompt's pooled text and sizes are {vector.shape[1]} numbers and the model reads "
            f"{config.vector_width}; encode the prompt with the CLIP of the same checkpoint.",
        )


def _check_memory(part: LoadedPart, x: Tensor) -> None:
    config = part.config
    assert isinstance(config, UnetConfig)
    cells = x.shape[0] * x.shape[2] * x.shape[3]
    check_fits(cells * config.widths[0] * part.dtype.itemsize * _COPIES, x.device)

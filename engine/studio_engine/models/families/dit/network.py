"""MODEL's network for transformers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import torch
from torch import Tensor, nn

from studio_engine.denoise.request import Forward
from studio_engine.models.families.controls import control_residuals
from studio_engine.models.families.dit.config import PATCH
from studio_engine.models.families.dit.stream import DitInput
from studio_engine.models.families.handle import NetworkHandle, check_width
from studio_engine.models.parts import LoadedPart, PartSource
from studio_engine.runtime.memory import check_fits
from studio_engine.sampling.conditioning import Cond, NetInput, RunInfo
from studio_engine.sampling.hooks import NetworkHooks

# Activations that live at once in tensors of all tokens' width: both streams, queries, keys, values, the wide MLP.
_COPIES = 16

REFERENCE_METHODS: Final = ("offset", "index", "uxo")
"""Where reference pictures lie beside the one that is drawn. NetInput.extra names one, so that rows of two methods are
never joined."""

Walk: TypeAlias = Callable[[nn.Module, DitInput, NetworkHooks], Tensor]
Prepare: TypeAlias = Callable[[Cond, RunInfo], NetInput]
"""What a family reads of a prompt, on any device."""


@dataclass(frozen=True)
class DitReading:
    """How one file's network is spoken to."""

    walk: Walk
    prepare: Prepare
    width: int
    """Of its tokens."""
    context_width: int
    time_factor: float = 1.0
    """From the family's timesteps to the 0…1000 of the network."""


@dataclass(frozen=True, eq=False)
class DitNetwork(NetworkHandle):
    reading: DitReading

    def prepare(self, cond: Cond, prompt: int, run: RunInfo) -> NetInput:
        check_width(cond, self.reading.context_width)
        inputs = self.reading.prepare(cond, run)
        return replace(
            inputs,
            context=inputs.context.to(run.device),
            vector=None if inputs.vector is None else inputs.vector.to(run.device),
            concat=None if inputs.concat is None else inputs.concat.to(run.device),
            guidance=None if inputs.guidance is None else inputs.guidance.to(run.device),
            references=tuple(each.to(run.device) for each in inputs.references),
            extra={name: value.to(run.device) for name, value in inputs.extra.items()},
            is_context_repeatable=False,
        )

    def forward(self, part: LoadedPart) -> Forward:
        return _Forward(self.source, part, self.reading)


@dataclass(frozen=True, eq=False)
class _Forward:
    """A Forward: several jobs' rows at once."""

    source: PartSource
    part: LoadedPart
    reading: DitReading

    def __call__(self, x: Tensor, timestep: Tensor, inputs: NetInput, hooks: NetworkHooks, sigma: Tensor) -> Tensor:
        device, dtype = self.source.plan.device, self.part.dtype
        self._check_memory(x, inputs)
        joined = x if inputs.concat is None else torch.cat([x, inputs.concat.to(x)], dim=1)
        assert inputs.vector is not None
        call = DitInput(
            x=joined.to(device, dtype),
            timestep=timestep.to(device, torch.float32) * self.reading.time_factor,
            context=inputs.context.to(device, dtype),
            vector=inputs.vector.to(device, dtype),
            sigma=sigma,
            latent_shape=tuple(x.shape),
            guidance=None if inputs.guidance is None else inputs.guidance.to(device, torch.float32),
            references=tuple(each.to(device, dtype) for each in inputs.references),
            reference_method=next((name for name in REFERENCE_METHODS if name in inputs.extra), REFERENCE_METHODS[0]),
            prompt_of_row=inputs.prompt_of_row,
            residuals=control_residuals(x, timestep, inputs),
        )
        return self.reading.walk(self.part.module, call, hooks).float()

    def _check_memory(self, x: Tensor, inputs: NetInput) -> None:
        cells = sum(picture.shape[-2] * picture.shape[-1] for picture in (x, *inputs.references))
        tokens = x.shape[0] * (cells // PATCH**2 + inputs.context.shape[1])
        check_fits(tokens * self.reading.width * self.part.dtype.itemsize * _COPIES, x.device)

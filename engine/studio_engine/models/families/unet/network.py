"""MODEL's network for UNets: a light name of weights, resolved when it computes.

A handle keeps no weights alive, so the result cache may hold it while the store drops and reloads the file.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor

from studio_engine.denoise.request import Request
from studio_engine.errors import EngineError
from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.families.unet.walk import UnetInput, merged, walk
from studio_engine.models.parts import LoadedPart, PartRef, PartSource, WeightPatch
from studio_engine.runtime.memory import check_fits
from studio_engine.sampling.conditioning import Cond, NetInput, Residuals, RunInfo
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
class UnetNetwork:
    """A Network."""

    source: PartSource
    ref: PartRef
    latent: LatentFormat
    reading: UnetReading
    vae: PartRef | None = None
    """Shows previews; None where the file brought no autoencoder."""

    @property
    def family(self) -> str:
        return self.ref.family

    @property
    def batch_key(self) -> Hashable:
        return self.ref.key

    @property
    def device(self) -> torch.device:
        return self.source.plan.device

    def prepare(self, cond: Cond, prompt: int, run: RunInfo) -> NetInput:
        width = cond.context.shape[-1]
        if width != self.reading.context_width:
            raise EngineError(
                "engine.node_failed",
                f"The prompt has {width} numbers per token and the model reads {self.reading.context_width}: they are "
                "of different families. Encode it with the CLIP of the model's own checkpoint.",
            )
        vector = None if self.reading.vector is None else self.reading.vector(cond, prompt, run)
        concat = None if self.reading.concat is None else self.reading.concat(cond, run, self.latent)
        return NetInput(
            cond.context.to(run.device),
            vector=None if vector is None else vector.to(run.device),
            concat=None if concat is None else concat.to(run.device),
        )

    @torch.no_grad()
    def predict(self, x: Tensor, timestep: Tensor, inputs: NetInput, hooks: NetworkHooks, sigma: Tensor) -> Tensor:
        # Loaded before its turn on the device, so that other jobs compute meanwhile.
        forward = _Forward(self.source, self.source.part(self.ref))
        return self.source.batcher.run(Request(self.batch_key, x, timestep, inputs, hooks, sigma), forward)

    def to_rgb(self, latents: Tensor) -> Tensor:
        return self.source.preview(latents, self.latent, self.vae)

    def patched_by(self, patch: WeightPatch) -> UnetNetwork:
        return replace(self, ref=self.ref.patched_by(patch))


@dataclass(frozen=True, eq=False)
class _Forward:
    """A Forward: several jobs' rows at once."""

    source: PartSource
    part: LoadedPart

    def __call__(self, x: Tensor, timestep: Tensor, inputs: NetInput, hooks: NetworkHooks, sigma: Tensor) -> Tensor:
        plan, part = self.source.plan, self.part
        _check_memory(part, x)
        layout = torch.channels_last if plan.is_channels_last else torch.contiguous_format
        joined = x if inputs.concat is None else torch.cat([x, inputs.concat.to(x)], dim=1)
        controls = [control.net.residuals(x, timestep, inputs, control) for control in inputs.controls]
        call = UnetInput(
            x=joined.to(plan.device, part.dtype).contiguous(memory_format=layout),
            timestep=timestep,
            context=inputs.context.to(plan.device, part.dtype),
            vector=None if inputs.vector is None else inputs.vector.to(plan.device, part.dtype),
            sigma=sigma,
            latent_shape=tuple(x.shape),
            prompt_of_row=inputs.prompt_of_row,
            residuals=merged(controls) if controls else Residuals(),
        )
        return walk(part.module, call, hooks).float()


def _check_memory(part: LoadedPart, x: Tensor) -> None:
    config = part.config
    assert isinstance(config, UnetConfig)
    cells = x.shape[0] * x.shape[2] * x.shape[3]
    check_fits(cells * config.widths[0] * part.dtype.itemsize * _COPIES, x.device)

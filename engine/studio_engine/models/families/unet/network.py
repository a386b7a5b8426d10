"""MODEL's network for UNets: a light name of weights, resolved when it computes.

A handle keeps no weights alive, so the result cache may hold it while the store drops and reloads the file.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.parts import PartRef, PartSource, WeightPatch
from studio_engine.runtime.memory import check_fits
from studio_engine.sampling.conditioning import Cond, NetInput, RunInfo
from studio_engine.sampling.hooks import NetworkHooks
from studio_engine.sampling.model import LatentFormat

# Activations that live at once, in tensors of the first level's size: fp32, 512², 0.3 GB for a pair of rows.
_COPIES = 24


@dataclass(frozen=True, eq=False)
class UnetNetwork:
    """A Network."""

    source: PartSource
    ref: PartRef
    latent: LatentFormat
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
        return NetInput(cond.context.to(run.device))

    @torch.no_grad()
    def predict(self, x: Tensor, timestep: Tensor, inputs: NetInput, hooks: NetworkHooks, sigma: Tensor) -> Tensor:
        plan, part = self.source.plan, self.source.part(self.ref)
        config = part.config
        assert isinstance(config, UnetConfig)
        cells = x.shape[0] * x.shape[2] * x.shape[3]
        check_fits(cells * config.widths[0] * part.dtype.itemsize * _COPIES, plan.device)
        layout = torch.channels_last if plan.is_channels_last else torch.contiguous_format
        scaled = x.to(part.dtype).contiguous(memory_format=layout)
        context = inputs.context.to(device=plan.device, dtype=part.dtype)
        output: Tensor = part.module(scaled, timestep, context, return_dict=False)[0]
        return output.float()

    @torch.no_grad()
    def to_rgb(self, latents: Tensor) -> Tensor:
        """Rough colours of scaled latents `[batch, c, h, w]`: `[batch, h, w, 3]` in 0…1, one pixel per latent cell."""
        cells = latents.detach().float().cpu().permute(0, 2, 3, 1)
        if self.vae is None:
            return cells[..., :1].repeat(1, 1, 1, 3).mul(0.25).add(0.5).clamp(0.0, 1.0)
        factors = self.source.preview_factors(self.vae, self.latent)
        return (cells @ factors[:-1] + factors[-1]).clamp(0.0, 1.0)

    def patched_by(self, patch: WeightPatch) -> UnetNetwork:
        return replace(self, ref=self.ref.patched_by(patch))

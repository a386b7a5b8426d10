"""A PartSource of one module in memory."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from studio_engine.denoise.batcher import Batcher
from studio_engine.models.parts import LoadedPart, PartRef
from studio_engine.runtime.plan import ComputePlan, plain_plan
from studio_engine.sampling.conditioning import RunInfo
from studio_engine.sampling.model import LatentFormat


@dataclass
class OnePart:
    module: nn.Module
    config: object
    dtype: torch.dtype = torch.float32
    plan: ComputePlan = field(default_factory=plain_plan)
    batcher: Batcher = field(default_factory=Batcher)

    def part(self, ref: PartRef) -> LoadedPart:
        return LoadedPart(self.module, self.config, self.dtype, owned_bytes=0)

    def preview(self, latents: Tensor, latent: LatentFormat, vae: PartRef | None) -> Tensor:
        return torch.zeros(*latents.shape[-2:], 3)[None]


def run_of(shape: tuple[int, ...], *, latent: Tensor | None = None, mask: Tensor | None = None) -> RunInfo:
    empty = torch.zeros(shape)
    size = torch.Size(shape)
    return RunInfo(size, torch.device("cpu"), empty if latent is None else latent, empty, mask, seed=0)

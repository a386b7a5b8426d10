"""MODEL's network: a light name of weights, resolved when it computes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import torch

from studio_engine.denoise.request import Request
from studio_engine.errors import EngineError

if TYPE_CHECKING:
    from torch import Tensor

    from studio_engine.denoise.request import Forward
    from studio_engine.models.parts import LoadedPart, PartRef, PartSource, WeightPatch
    from studio_engine.sampling.conditioning import Cond, NetInput, RunInfo
    from studio_engine.sampling.hooks import NetworkHooks
    from studio_engine.sampling.model import LatentFormat


@dataclass(frozen=True, eq=False)
class NetworkHandle(ABC):
    """A Network. It keeps no weights alive: the result cache may hold it while the store drops and reloads the file."""

    source: PartSource
    ref: PartRef
    latent: LatentFormat
    vae: PartRef | None
    """Shows previews; None where the file brought no autoencoder."""

    @abstractmethod
    def prepare(self, cond: Cond, prompt: int, run: RunInfo) -> NetInput: ...

    @abstractmethod
    def forward(self, part: LoadedPart) -> Forward:
        """Computes several jobs' rows at once."""

    @property
    def family(self) -> str:
        return self.ref.family

    @property
    def batch_key(self) -> Hashable:
        return self.ref.key

    @property
    def device(self) -> torch.device:
        return self.source.plan.device

    @torch.no_grad()
    def predict(self, x: Tensor, timestep: Tensor, inputs: NetInput, hooks: NetworkHooks, sigma: Tensor) -> Tensor:
        # Loaded before its turn on the device, so that other jobs compute meanwhile.
        forward = self.forward(self.source.part(self.ref))
        return self.source.batcher.run(Request(self.batch_key, x, timestep, inputs, hooks, sigma), forward)

    def to_rgb(self, latents: Tensor) -> Tensor:
        return self.source.preview(latents, self.latent, self.vae)

    def patched_by(self, patch: WeightPatch) -> Self:
        return replace(self, ref=self.ref.patched_by(patch))


def check_width(cond: Cond, width: int) -> None:
    """Raises `engine.node_failed` for a prompt of another family."""
    found = cond.context.shape[-1]
    if found != width:
        raise EngineError(
            "engine.node_failed",
            f"The prompt has {found} numbers per token and the model reads {width}: they are of different families. "
            "Encode it with the CLIP of the model's own family.",
        )

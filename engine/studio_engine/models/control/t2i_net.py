"""CONTROL_NET for T2I-Adapters: their features are made once per run and added at each step."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.models.control.net import CELLS, fitted_channels, hint_of_size
from studio_engine.models.control.t2i import T2IConfig
from studio_engine.models.parts import LoadedPart, PartRef, PartSource
from studio_engine.sampling.conditioning import ControlInput, ControlUse, NetInput, Residuals

if TYPE_CHECKING:
    from studio_engine.sampling.model import Latent

_SD_BLOCKS: Final = (2, 5, 8, 11)
"""The input blocks that each level's feature is added to: the last before the picture is halved."""
_XL_BLOCKS: Final = (3, 5, 8)
"""Of SDXL; the fourth feature is the middle's."""


@dataclass(frozen=True, eq=False)
class T2IAdapterNet:
    """A ControlNet."""

    source: PartSource
    ref: PartRef

    @property
    def batch_key(self) -> Hashable:
        return self.ref.key

    @torch.no_grad()
    def prepare(self, use: ControlUse, latent: Latent) -> ControlInput:
        part, config = self._part()
        height, width = (math.ceil(CELLS * side / config.cell) * config.cell for side in latent.samples.shape[-2:])
        hint = fitted_channels(hint_of_size(use.hint, width, height), config.channels)
        placed = hint.to(self.source.plan.device, part.dtype)
        features = self.source.batcher.alone(lambda: part.module(placed))
        return ControlInput(self, hint, use.strength, {str(level): each for level, each in enumerate(features)})

    def residuals(self, x: Tensor, timestep: Tensor, inputs: NetInput, control: ControlInput) -> Residuals:
        config = self._part()[1]
        if config.is_xl != (inputs.vector is not None):
            made, loaded = ("SDXL", "SD 1.5") if config.is_xl else ("SD 1.5", "SDXL")
            raise EngineError(
                "model.family_unknown",
                f"This T2I-Adapter was made for {made}; the loaded model is {loaded}. Choose one for {loaded}.",
            )
        features = [control.extra[str(level)] * control.strength for level in range(len(control.extra))]
        blocks = _XL_BLOCKS if config.is_xl else _SD_BLOCKS
        added: list[Tensor | None] = [None] * (blocks[-1] + 1)
        for block, feature in zip(blocks, features, strict=False):
            added[block] = feature
        return Residuals(input=tuple(added), middle=tuple(features[len(blocks) :]))

    def _part(self) -> tuple[LoadedPart, T2IConfig]:
        part = self.source.part(self.ref)
        assert isinstance(part.config, T2IConfig)
        return part, part.config

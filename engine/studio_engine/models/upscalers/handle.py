"""UPSCALE_MODEL: an upscaler under a light name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import torch
from torch import Tensor

from studio_engine.checkpoint.safetensors_file import read_header
from studio_engine.imaging.tiles import Tiling, apply_in_tiles
from studio_engine.models.files import ModelFile
from studio_engine.models.parts import PartRef, PartSource
from studio_engine.models.upscalers.config import UpscalerConfig, read_upscaler_config, upscaler_keys
from studio_engine.runtime.memory import as_out_of_memory, check_fits

_TILE: Final = 512
_LEAST_TILE: Final = 128
_OVERLAP: Final = 32
_MARGIN: Final = 8

OnTile = Callable[[int, int], None]
"""Tiles done, and how many there are."""


@dataclass(frozen=True, eq=False)
class Upscaler:
    source: PartSource
    ref: PartRef
    config: UpscalerConfig

    @property
    def scale(self) -> int:
        return self.config.scale

    @torch.no_grad()
    def enlarge(self, images: Tensor, on_tile: OnTile = lambda done, count: None) -> Tensor:
        """`[batch, h, w, 3]` to `[batch, h·scale, w·scale, 3]` in 0…1, in tiles, whose size is halved until they fit.

        Raises `engine.out_of_memory` when not even small tiles do.
        """
        count, height, width = images.shape[:3]
        check_fits(2 * 4 * 3 * count * height * width * self.scale**2, torch.device("cpu"))
        tile = _TILE
        while True:
            try:
                return self._in_tiles(images, tile, on_tile)
            except (RuntimeError, MemoryError) as error:
                if as_out_of_memory(error) is None or tile // 2 < _LEAST_TILE:
                    raise
                tile //= 2

    def _in_tiles(self, images: Tensor, tile: int, on_tile: OnTile) -> Tensor:
        part, device = self.source.part(self.ref), self.source.plan.device
        tiling = Tiling(tile, _OVERLAP, self.scale, _MARGIN)
        count = len(images) * len(tiling.boxes(*images.shape[1:3]))
        done = 0

        def told() -> None:
            nonlocal done
            done += 1
            on_tile(done, count)

        def network(samples: Tensor) -> Tensor:
            return cast("Tensor", part.module(self._fitted(samples).to(device=device, dtype=part.dtype)))

        enlarged = apply_in_tiles(images.movedim(-1, 1), network, tiling, on_tile=told)
        return enlarged.movedim(1, -1).clamp(0.0, 1.0).expand(-1, -1, -1, max(3, enlarged.shape[1])).contiguous()

    def _fitted(self, samples: Tensor) -> Tensor:
        """With as many channels as the network takes: opaque where it wants alpha, grey where it wants one."""
        wanted = self.config.out_channels
        if wanted == 1:
            return samples.mean(dim=1, keepdim=True)
        if wanted > samples.shape[1]:
            return torch.nn.functional.pad(samples, (0, 0, 0, 0, 0, wanted - samples.shape[1]), value=1.0)
        return samples


def open_upscaler(source: PartSource, file: ModelFile) -> Upscaler:
    """Reads the header only. Raises `model.family_unknown`."""
    config = read_upscaler_config(upscaler_keys(read_header(file.path)))
    return Upscaler(source, PartRef((file,), "upscale", "upscaler"), config)

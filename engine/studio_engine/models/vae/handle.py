"""VAE: an autoencoder under a light name. Latents are raw: their scale is the sampler's affair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.models.parts import LoadedPart, PartRef, PartSource
from studio_engine.models.vae.config import VaeConfig
from studio_engine.models.vae.tiles import Apply, Tiles, in_three_tilings
from studio_engine.models.vae.tiny import TinyConfig
from studio_engine.runtime.memory import check_fits, pool_of

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

    from studio_engine.runtime.plan import ComputePlan

# Activations that live at once, in tensors of the first level's size: 1 GB for one picture of 512² in fp32.
_COPIES: Final = 8
# Pixels. What does not fit whole is worked on in tiles of this size, as ComfyUI does.
_TILE: Final = 512
_ENCODE_OVERLAP: Final = 64
_DECODE_OVERLAP: Final = 128

OnPart: TypeAlias = Callable[[], None]
"""Called before each picture or tile, which take seconds; it may raise to stop the work."""


def _nobody() -> None: ...


@dataclass(frozen=True, eq=False)
class Vae:
    """An Autoencoder. Where a picture does not fit into memory whole, it goes through in tiles."""

    source: PartSource
    ref: PartRef

    def encode(self, images: Tensor, on_part: OnPart = _nobody) -> Tensor:
        # Loaded before its turn on the device, so that other jobs compute meanwhile.
        part = self.source.part(self.ref)
        return self._in_turn(
            lambda: self._encode_whole(part, images, on_part),
            lambda: self._encode_tiled(part, images, (_TILE, _ENCODE_OVERLAP), on_part),
        )

    def decode(self, latents: Tensor, on_part: OnPart = _nobody) -> Tensor:
        part = self.source.part(self.ref)
        _check_channels(part, latents)
        return self._in_turn(
            lambda: self._decode_whole(part, latents, on_part),
            lambda: self._decode_tiled(part, latents, (_TILE, _DECODE_OVERLAP), on_part),
        )

    def encode_tiled(self, images: Tensor, *, tile: int, overlap: int, on_part: OnPart = _nobody) -> Tensor:
        part = self.source.part(self.ref)
        return self._in_turn(lambda: self._encode_tiled(part, images, (tile, overlap), on_part))

    def decode_tiled(self, latents: Tensor, *, tile: int, overlap: int, on_part: OnPart = _nobody) -> Tensor:
        part = self.source.part(self.ref)
        _check_channels(part, latents)
        return self._in_turn(lambda: self._decode_tiled(part, latents, (tile, overlap), on_part))

    def _in_turn(self, compute: Callable[[], Tensor], in_parts: Callable[[], Tensor] | None = None) -> Tensor:
        if in_parts is None:
            return self.source.batcher.alone(compute)
        pool = pool_of(self.source.plan.device)
        return self.source.batcher.alone(lambda: pool.first_that_fits(compute, in_parts))

    @torch.no_grad()
    def _encode_tiled(self, part: LoadedPart, images: Tensor, sides: tuple[int, int], on_part: OnPart) -> Tensor:
        tile, overlap = sides
        tiles = Tiles(tile, tile, overlap, 1.0 / _config(part).downscale)
        pixels = self._pixels(part, images)
        return in_three_tilings(pixels, _told(lambda x: encoded(part, x, self.source.plan), on_part), tiles)

    @torch.no_grad()
    def _decode_tiled(self, part: LoadedPart, latents: Tensor, sides: tuple[int, int], on_part: OnPart) -> Tensor:
        cells = _config(part).downscale
        tile, overlap = (side // cells for side in sides)
        tiles = Tiles(max(1, tile), max(1, tile), overlap, float(cells))
        decode = _told(lambda x: decoded(part, x, self.source.plan), on_part)
        return _as_images(in_three_tilings(latents, decode, tiles))

    @torch.no_grad()
    def _encode_whole(self, part: LoadedPart, images: Tensor, on_part: OnPart) -> Tensor:
        pixels = self._pixels(part, images)
        self._check_memory(part, pixels.shape[2] * pixels.shape[3])
        encode = _told(lambda x: encoded(part, x, self.source.plan).float().cpu(), on_part)
        return torch.cat([encode(row[None]) for row in pixels])

    @torch.no_grad()
    def _decode_whole(self, part: LoadedPart, latents: Tensor, on_part: OnPart) -> Tensor:
        self._check_memory(part, latents.shape[2] * latents.shape[3] * _config(part).downscale ** 2)
        # One picture at a time: the decoder's memory then does not grow with the batch.
        decode = _told(lambda x: decoded(part, x, self.source.plan).float().cpu(), on_part)
        return _as_images(torch.cat([decode(row[None]) for row in latents]))

    def _pixels(self, part: LoadedPart, images: Tensor) -> Tensor:
        """`[batch, 3, h, w]` in -1…1."""
        return _cropped(images, _config(part).downscale).permute(0, 3, 1, 2) * 2.0 - 1.0

    def _check_memory(self, part: LoadedPart, pixels: int) -> None:
        check_fits(pixels * _config(part).widths[0] * part.dtype.itemsize * _COPIES, self.source.plan.device)


@dataclass(frozen=True)
class PixelVae:
    """An Autoencoder of models that draw pixels: its latents are the picture itself, -1…1."""

    def encode(self, images: Tensor, on_part: OnPart = _nobody) -> Tensor:
        return images[..., :3].permute(0, 3, 1, 2) * 2.0 - 1.0

    def decode(self, latents: Tensor, on_part: OnPart = _nobody) -> Tensor:
        return _as_images(latents[:, :3].float().cpu())

    def encode_tiled(self, images: Tensor, *, tile: int, overlap: int, on_part: OnPart = _nobody) -> Tensor:
        return self.encode(images)

    def decode_tiled(self, latents: Tensor, *, tile: int, overlap: int, on_part: OnPart = _nobody) -> Tensor:
        return self.decode(latents)


def encoded(part: LoadedPart, pixels: Tensor, plan: ComputePlan) -> Tensor:
    """Raw latents of pixels `[rows, 3, h, w]` in -1…1."""
    x, config = pixels.to(plan.device, part.dtype), _config(part)
    if isinstance(config, TinyConfig):
        return config.latent.to_raw(cast("AutoencoderTiny", part.module).encoder(x).float())
    latents: Tensor = cast("AutoencoderKL", part.module).encode(x).latent_dist.mode()
    return latents


def decoded(part: LoadedPart, latents: Tensor, plan: ComputePlan) -> Tensor:
    """Pixels of raw latents, about -1…1."""
    config = _config(part)
    if isinstance(config, TinyConfig):
        x = config.latent.to_model(latents.float()).to(plan.device, part.dtype)
        picture: Tensor = cast("AutoencoderTiny", part.module).decoder(x)
        return picture
    x = latents.to(plan.device, part.dtype)
    pixels: Tensor = cast("AutoencoderKL", part.module).decode(x, return_dict=False)[0]
    return pixels


def _told(compute: Apply, on_part: OnPart) -> Apply:
    def told(x: Tensor) -> Tensor:
        on_part()
        return compute(x)

    return told


def _config(part: LoadedPart) -> VaeConfig | TinyConfig:
    assert isinstance(part.config, VaeConfig | TinyConfig)
    return part.config


def _check_channels(part: LoadedPart, latents: Tensor) -> None:
    known = _config(part).latent_channels
    if latents.ndim != 4 or latents.shape[1] != known:
        raise EngineError(
            "engine.node_failed",
            f"The latents have {latents.shape[1]} channels and the VAE reads {known}: they are of different model "
            "families. Use the VAE of the model that drew them.",
        )


def _as_images(pixels: Tensor) -> Tensor:
    """`[batch, 3, h, w]` in -1…1 to `[batch, h, w, 3]` in 0…1."""
    return ((pixels + 1.0) / 2.0).clamp(0.0, 1.0).permute(0, 2, 3, 1).contiguous()


def _cropped(images: Tensor, multiple: int) -> Tensor:
    """The centre, with both sides cut to multiples of the autoencoder's cell."""
    height, width = images.shape[1:3]
    rows, columns = height // multiple * multiple, width // multiple * multiple
    if not rows or not columns:
        raise EngineError(
            "engine.node_failed",
            f"A picture of {width}×{height} pixels is too small; use {multiple} or more.",
        )
    top, left = (height - rows) // 2, (width - columns) // 2
    return images[:, top : top + rows, left : left + columns, :3]

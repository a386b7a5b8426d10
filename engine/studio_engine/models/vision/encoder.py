"""CLIP_VISION: a picture encoder under a light name, and what it says of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from studio_engine.checkpoint.safetensors_file import read_header
from studio_engine.models.files import ModelFile
from studio_engine.models.parts import PartRef, PartSource
from studio_engine.models.vision.layout import VisionConfig, vision_layout

_CLIP_COLOURS: Final = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
"""Mean and deviation of the pictures that it was trained on."""
_SIGLIP_COLOURS: Final = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True, eq=False)
class VisionOutput:
    """CLIP_VISION_OUTPUT; fp32 on the CPU, one row per picture."""

    last_hidden_state: Tensor
    """`[rows, 1 + patches, width]`; of SigLIP `[rows, patches, width]`, normed"""
    penultimate_hidden_states: Tensor
    """The same one layer before."""
    image_embeds: Tensor
    """`[rows, projection]`: the whole picture in one vector; of SigLIP, the last hidden state."""


@dataclass(frozen=True, eq=False)
class VisionEncoder:
    """CLIP_VISION."""

    source: PartSource
    ref: PartRef

    def encode(self, images: Tensor, *, crops: bool = True) -> VisionOutput:
        """IMAGE `[batch, h, w, 3]`; `crops` keeps the middle square, else the picture is squeezed into one."""
        config = self._config()
        return self._encoded(prepared(images, config.side, crops=crops, is_siglip=config.is_siglip))

    def encode_blank(self) -> VisionOutput:
        """What it says of the mean colour: IP-Adapter's picture of nothing."""
        side = self._config().side
        return self._encoded(torch.zeros(1, 3, side, side))

    @torch.no_grad()
    def _encoded(self, pixels: Tensor) -> VisionOutput:
        part, device = self.source.part(self.ref), self.source.plan.device

        def seen(row: Tensor) -> Any:
            return part.module(pixel_values=row[None].to(device, part.dtype), output_hidden_states=True)

        # One at a time: memory then does not grow with the batch.
        rows = self.source.batcher.alone(lambda: [seen(row) for row in pixels])
        last = torch.cat([row.last_hidden_state for row in rows]).float().cpu()
        inner = torch.cat([row.hidden_states[-2] for row in rows]).float().cpu()
        if self._config().is_siglip:
            return VisionOutput(last, inner, last)
        return VisionOutput(last, inner, torch.cat([row.image_embeds for row in rows]).float().cpu())

    def _config(self) -> VisionConfig:
        config = self.source.part(self.ref).config
        assert isinstance(config, VisionConfig)
        return config


def open_vision(source: PartSource, file: ModelFile) -> VisionEncoder:
    """Raises `model.family_unknown` and `model.file_corrupt`."""
    vision_layout(read_header(file.path))
    return VisionEncoder(source, PartRef((file,), "clip_vision", "clip_vision"))


def prepared(images: Tensor, side: int, *, crops: bool, is_siglip: bool = False) -> Tensor:
    """`[batch, h, w, ≥3]` in 0…1 as encoders were trained: `[batch, 3, side, side]`, centred, in 8-bit steps."""
    pixels = images[..., :3].movedim(-1, 1)
    height, width = pixels.shape[-2:]
    if (height, width) != (side, side):
        scale = side / min(height, width)
        size = (round(scale * height), round(scale * width)) if crops else (side, side)
        pixels = interpolate(pixels, size=size, mode="bicubic", antialias=True)
        top, left = (pixels.shape[-2] - side) // 2, (pixels.shape[-1] - side) // 2
        pixels = pixels[..., top : top + side, left : left + side]
    pixels = (255.0 * pixels).clamp(0, 255).round() / 255.0
    mean, deviation = (
        torch.tensor(values).view(3, 1, 1) for values in (_SIGLIP_COLOURS if is_siglip else _CLIP_COLOURS)
    )
    return (pixels - mean) / deviation

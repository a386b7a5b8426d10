"""Fewer colours, as ComfyUI's ImageQuantize finds and dithers them."""

from __future__ import annotations

import math

import numpy
import torch
from PIL import Image
from torch import Tensor

from studio_engine.runtime.images import to_bytes8


def quantize(image: Tensor, colours: int, dither: str) -> Tensor:
    """`[batch, h, w, 3]` with at most `colours` colours, by median cut; dither none, floyd-steinberg or bayer-N."""
    return torch.stack([_quantize_one(picture, colours, dither) for picture in image])


def _quantize_one(picture: Tensor, colours: int, dither: str) -> Tensor:
    original = Image.fromarray(to_bytes8(picture))
    palette = original.quantize(colors=colours)
    method = Image.Dither.FLOYDSTEINBERG if dither == "floyd-steinberg" else Image.Dither.NONE
    if dither.startswith("bayer-"):
        original = _nudged(original, palette, int(dither.removeprefix("bayer-")))
    reduced = original.quantize(palette=palette, dither=method).convert("RGB")
    return torch.from_numpy(numpy.array(reduced)).float() / 255


def _nudged(picture: Image.Image, palette: Image.Image, order: int) -> Image.Image:
    """The picture with a repeating pattern added, after which each pixel takes the nearest colour."""
    spread = 2 * 256 / (len(palette.getpalette() or ()) // 3)
    pattern = spread * bayer(int(math.log2(order))) + 0.5
    values = torch.from_numpy(numpy.array(picture).astype(numpy.float32))
    height, width = values.shape[:2]
    tiled = pattern.repeat(math.ceil(height / order), math.ceil(width / order))[:height, :width, None]
    return Image.fromarray((values + tiled).clamp(0, 255).to(torch.uint8).numpy())


def bayer(power: int) -> Tensor:
    """Bayer's matrix `[2^power, 2^power]`, its values within ±0.5 (Bayer, 1973)."""
    if power == 0:
        return torch.zeros(1, 1)
    cells = 4**power
    inner = cells * bayer(power - 1)
    rows = torch.cat([inner - 1.5, inner + 0.5], dim=1), torch.cat([inner + 1.5, inner - 0.5], dim=1)
    matrix: Tensor = torch.cat(rows) / cells
    return matrix

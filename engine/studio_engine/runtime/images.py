"""Pictures between bytes and tensors, as ComfyUI reads and writes them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

import numpy
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from studio_engine.errors import EngineError

# Decoders are an attack surface: only what people upload.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 64_000_000
_PNG_COMPRESSION = 4
# What ComfyUI hands out as the mask of a picture without transparency.
_EMPTY_MASK_SIDE = 64


def decode_image(data: bytes) -> tuple[Tensor, Tensor]:
    """Image `[1, h, w, 3]` in 0…1 and mask `[1, h, w]`, 1 where transparent. Raises `engine.node_failed`."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise EngineError("engine.node_failed", "The picture has more than 64 megapixels; use a smaller one.")
            upright = ImageOps.exif_transpose(opened)
            upright.load()
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as cause:
        raise EngineError("engine.node_failed", "The file is not a PNG, JPEG, WebP, GIF or BMP picture.") from cause
    if upright.mode == "I":
        upright = upright.point(lambda value: value / 255)
    has_alpha = "A" in upright.getbands() or "transparency" in upright.info
    image = _as_tensor(upright.convert("RGB"))
    if not has_alpha:
        return image, torch.zeros(1, _EMPTY_MASK_SIDE, _EMPTY_MASK_SIDE)
    return image, 1.0 - _as_tensor(upright.convert("RGBA").getchannel("A"))


def to_bytes8(image: Tensor) -> numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.uint8]]:
    """`[h, w, 3]` in 0…1 to 8 bits by truncation, as ComfyUI does: 0.999 is 254."""
    scaled = (image.float() * 255.0).clamp(0.0, 255.0)
    return scaled.to(torch.uint8).cpu().numpy()


def encode_png(image: Tensor, prompt: Mapping[str, object]) -> bytes:
    """A PNG of `[h, w, 3]`; the graph travels in the text chunk `prompt`, from which ComfyUI restores it."""
    info = PngInfo()
    info.add_text("prompt", json.dumps(prompt))
    buffer = io.BytesIO()
    Image.fromarray(to_bytes8(image)).save(buffer, "PNG", compress_level=_PNG_COMPRESSION, pnginfo=info)
    return buffer.getvalue()


def _as_tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(numpy.array(image).astype(numpy.float32) / 255.0)[None]

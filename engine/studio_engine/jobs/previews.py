"""Small pictures of what is being drawn."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image
from torch import Tensor

from studio_engine.runtime.images import to_bytes8

# The contract's bound on one preview.
MAX_PREVIEW_BYTES: Final = 64 * 1024
_SIDE = 256
_QUALITIES = (85, 70, 50, 30, 10)


def encode_preview(rgb: Tensor) -> bytes:
    """JPEG of one picture `[h, w, 3]` in 0…1 (one pixel per latent cell), enlarged smoothly, at most 64 KB."""
    small = Image.fromarray(to_bytes8(rgb))
    factor = max(1.0, _SIDE / max(small.size))
    size = (round(small.width * factor), round(small.height * factor))
    image = small.resize(size, Image.Resampling.BICUBIC)
    data = b""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        data = buffer.getvalue()
        if len(data) <= MAX_PREVIEW_BYTES:
            break
    return data

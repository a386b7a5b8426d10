"""Resizing with ComfyUI's methods and numbers."""

from __future__ import annotations

from typing import Final

import numpy
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from studio_engine.errors import EngineError
from studio_engine.runtime.images import to_bytes8
from studio_engine.runtime.memory import check_fits

IMAGE_METHODS: Final = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")
LATENT_METHODS: Final = ("nearest-exact", "bilinear", "area", "bicubic", "bislerp")
CROPS: Final = ("disabled", "center")

# Vectors closer than this to the same or the opposite direction have no well-defined arc between them.
_PARALLEL: Final = 1e-5


def resize(samples: Tensor, width: int, height: int, *, method: str, crop: str = "disabled") -> Tensor:
    """Resize `[batch, channels, h, w]`; with crop "center" the longer side is cut first, so nothing is distorted.

    Raises `engine.node_failed` for an empty size and `engine.out_of_memory` for one that cannot fit.
    """
    if width < 1 or height < 1:
        raise EngineError(
            "engine.node_failed", f"A picture cannot become {width}×{height} pixels; ask for at least 1×1."
        )
    # What comes out, and one copy of it on the way there.
    check_fits(2 * 4 * samples.shape[0] * samples.shape[1] * width * height, samples.device)
    kept = crop_to_aspect(samples, width, height) if crop == "center" else samples
    if method == "bislerp":
        return bislerp(kept, width, height)
    if method == "lanczos":
        return lanczos(kept, width, height)
    return interpolate(kept, size=(height, width), mode=method)


def crop_to_aspect(samples: Tensor, width: int, height: int) -> Tensor:
    """The largest middle part of `[batch, channels, h, w]` with the aspect of `width` to `height`."""
    old_height, old_width = samples.shape[-2:]
    old_aspect, new_aspect = old_width / old_height, width / height
    x = y = 0
    if old_aspect > new_aspect:
        x = round((old_width - old_width * (new_aspect / old_aspect)) / 2)
    elif old_aspect < new_aspect:
        y = round((old_height - old_height * (old_aspect / new_aspect)) / 2)
    # A sliver such as 1×1000 into a square would round to nothing.
    x, y = min(x, (old_width - 1) // 2), min(y, (old_height - 1) // 2)
    return samples[..., y : old_height - y, x : old_width - x]


def lanczos(samples: Tensor, width: int, height: int) -> Tensor:
    """Lanczos-3 over 8-bit values, as ComfyUI does: what is outside 0…1 is cut off."""
    batch, channels, old_height, old_width = samples.shape
    # Pillow knows pictures of 1, 3 and 4 channels; other counts are resized one by one.
    planes = samples if channels in (1, 3, 4) else samples.reshape(batch * channels, 1, old_height, old_width)
    resized = [_lanczos_one(plane, (width, height)) for plane in planes]
    return torch.stack(resized).reshape(batch, channels, height, width).to(samples)


def _lanczos_one(plane: Tensor, size: tuple[int, int]) -> Tensor:
    """`[channels, h, w]` to `[channels, height, width]`."""
    pixels = to_bytes8(plane.movedim(0, -1))
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    values = numpy.array(picture.resize(size, Image.Resampling.LANCZOS)).astype(numpy.float32) / 255.0
    result = torch.from_numpy(values)
    return result[None] if result.ndim == 2 else result.movedim(-1, 0)


def bislerp(samples: Tensor, width: int, height: int) -> Tensor:
    """Spherical instead of linear interpolation between the channel vectors: latents keep their length.

    Rows first, then columns, each between two neighbours at half-pixel centres.
    """
    values = samples.float()
    left, right, ratio = _neighbours(samples.shape[-1], width, samples.device)
    values = _slerp(values[..., left], values[..., right], ratio)
    top, bottom, ratio = _neighbours(samples.shape[-2], height, samples.device)
    return _slerp(values[..., top, :], values[..., bottom, :], ratio[:, None]).to(samples.dtype)


def _neighbours(old: int, new: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For each new position: the indexes of both neighbours `[new]`, and how far it is towards the second."""
    first = torch.arange(old, dtype=torch.float32, device=device)
    second = (first + 1).clamp(max=old - 1)
    position = interpolate(first[None, None], size=new, mode="linear")[0, 0]
    after = interpolate(second[None, None], size=new, mode="linear")[0, 0]
    return position.long(), after.long(), position - position.floor()


def _slerp(a: Tensor, b: Tensor, ratio: Tensor) -> Tensor:
    """Along the arc from `a` to `b`, `[batch, channels, h, w]`; lengths are interpolated linearly."""
    a_length, b_length = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
    a_unit = torch.where(a_length == 0, 0.0, a / a_length)
    b_unit = torch.where(b_length == 0, 0.0, b / b_length)
    cosine = (a_unit * b_unit).sum(dim=1, keepdim=True)
    angle = torch.acos(cosine)
    along = (torch.sin((1 - ratio) * angle) * a_unit + torch.sin(ratio * angle) * b_unit) / torch.sin(angle)
    result = along * (a_length * (1 - ratio) + b_length * ratio)
    result = torch.where(cosine > 1 - _PARALLEL, a, result)
    return torch.where(cosine < _PARALLEL - 1, a * (1 - ratio) + b * ratio, result)

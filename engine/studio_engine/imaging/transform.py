"""Pictures `[batch, h, w, channels]` cut, padded, turned and joined."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import pad

from studio_engine.errors import EngineError
from studio_engine.imaging.batches import extend_to
from studio_engine.imaging.masks import Edges
from studio_engine.imaging.resize import resize
from studio_engine.runtime.memory import check_fits

COLOURS: Final = {
    "white": (1.0, 1.0, 1.0),
    "black": (0.0, 0.0, 0.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
}
_GREYS: Final = {"white": 1.0}

# The sizes that Flux Kontext was trained on.
KONTEXT_SIZES: Final = (
    (672, 1568),
    (688, 1504),
    (720, 1456),
    (752, 1392),
    (800, 1328),
    (832, 1248),
    (880, 1184),
    (944, 1104),
    (1024, 1024),
    (1104, 944),
    (1184, 880),
    (1248, 832),
    (1328, 800),
    (1392, 752),
    (1456, 720),
    (1504, 688),
    (1568, 672),
)
_NEW_GREY: Final = 0.5


def resize_image(image: Tensor, width: int, height: int, *, method: str, crop: str = "disabled") -> Tensor:
    """`resize` for pictures whose channels come last."""
    return resize(image.movedim(-1, 1), width, height, method=method, crop=crop).movedim(1, -1)


def kontext_size(width: int, height: int) -> tuple[int, int]:
    """The trained size whose aspect is nearest."""
    aspect = width / height
    return min(KONTEXT_SIZES, key=lambda size: (abs(aspect - size[0] / size[1]), size))


def crop_image(image: Tensor, *, x: int, y: int, size: tuple[int, int]) -> Tensor:
    """The part of `size` (width, height) from x, y on, as far as the picture goes: at least its last pixel."""
    left, top = min(x, image.shape[2] - 1), min(y, image.shape[1] - 1)
    return image[:, top : top + size[1], left : left + size[0]]


def fit_into(image: Tensor, size: tuple[int, int], method: str, *, colour: float) -> Tensor:
    """The whole picture, as large as it can be, in the middle of a canvas of `size` (width, height)."""
    width, height = size
    scale = min(width / image.shape[2], height / image.shape[1])
    # Very flat pictures would get a side of 0.
    new_width, new_height = max(1, int(image.shape[2] * scale)), max(1, int(image.shape[1] * scale))
    check_fits(4 * image.shape[0] * width * height * image.shape[-1], image.device)
    canvas = torch.full((image.shape[0], height, width, image.shape[-1]), colour, dtype=image.dtype)
    left, top = (width - new_width) // 2, (height - new_height) // 2
    canvas[:, top : top + new_height, left : left + new_width] = resize_image(
        image, new_width, new_height, method=method
    )
    return canvas


def pad_for_outpaint(image: Tensor, edges: Edges, feathering: int) -> tuple[Tensor, Tensor]:
    """The picture on a grey canvas with room at its edges, and the mask `[1, h, w]` of what is to be painted.

    The mask is 1 on the new part and fades out over `feathering` pixels of the old one, by the square of the
    distance; not at all where the picture is less than twice as large as the fade.
    """
    left, top, right, bottom = edges
    height, width = image.shape[1:3]
    check_fits(4 * 4 * image.shape[0] * (height + top + bottom) * (width + left + right), image.device)
    padded = pad(image, (0, 0, left, right, top, bottom), value=_NEW_GREY)
    inner = torch.zeros(height, width)
    if feathering > 0 and feathering * 2 < min(height, width):
        across = _distance(width, left > 0, right > 0)
        down = _distance(height, top > 0, bottom > 0)
        distance = torch.minimum(across, down[:, None])
        inner = ((feathering - distance) / feathering).clamp(min=0).square()
    return padded, pad(inner, (left, right, top, bottom), value=1.0)[None]


def _distance(side: int, from_start: bool, from_end: bool) -> Tensor:
    """Pixels `[side]` to the nearest of those ends that grow."""
    position = torch.arange(side, dtype=torch.float32)
    far = torch.full((side,), math.inf)
    return torch.minimum(position if from_start else far, side - position if from_end else far)


def rotate(image: Tensor, quarters: int) -> Tensor:
    """Clockwise by quarter turns."""
    return torch.rot90(image, k=quarters, dims=[2, 1])


def stitch(first: Tensor, second: Tensor, direction: str, *, is_matched: bool, gap: int, colour: str) -> Tensor:
    """Put `second` to the right, left, top or bottom of `first`.

    Matched, the second is scaled (Lanczos) to the first's side along the seam; else the smaller one is centred on the
    colour. The gap is rounded up to an even number.
    """
    count = max(first.shape[0], second.shape[0])
    first, second = extend_to(first, count), extend_to(second, count)
    axis = 2 if direction in ("left", "right") else 1
    if is_matched:
        second = _match_side(second, first, axis)
    else:
        first, second = (
            _pad_side(first, second, axis=axis, colour=colour),
            _pad_side(second, first, axis=axis, colour=colour),
        )
    channels = max(first.shape[-1], second.shape[-1])
    parts = [_opaque(first, channels), _opaque(second, channels)]
    if direction in ("left", "up"):
        parts.reverse()
    if gap > 0:
        parts.insert(1, _gap(parts[0], axis=axis, width=gap + gap % 2, colour=colour))
    return torch.cat(parts, dim=axis)


def _match_side(image: Tensor, other: Tensor, axis: int) -> Tensor:
    """Scale `image` so that its side across `axis` is the other's."""
    aspect = image.shape[2] / image.shape[1]
    if axis == 2:
        return resize_image(image, max(1, int(other.shape[1] * aspect)), other.shape[1], method="lanczos")
    return resize_image(image, other.shape[2], max(1, int(other.shape[2] / aspect)), method="lanczos")


def _pad_side(image: Tensor, other: Tensor, *, axis: int, colour: str) -> Tensor:
    """Centre `image` where it is smaller than the other; on black for colours that are no grey, as in ComfyUI."""
    across = 3 - axis
    missing = max(0, other.shape[across] - image.shape[across])
    before, after = missing // 2, missing - missing // 2
    sides = (before, after, 0, 0) if across == 2 else (0, 0, before, after)
    return pad(image, (0, 0, *sides), value=_GREYS.get(colour, 0.0))


def _opaque(image: Tensor, channels: int) -> Tensor:
    return pad(image, (0, channels - image.shape[-1]), value=1.0)


def _gap(image: Tensor, *, axis: int, width: int, colour: str) -> Tensor:
    shape = list(image.shape)
    shape[axis] = width
    values = torch.ones(shape[-1])
    values[:3] = torch.tensor(COLOURS[colour])[: shape[-1]]
    return values.expand(shape)


def total_pixels_size(width: int, height: int, megapixels: float) -> tuple[int, int]:
    """Width and height with the same aspect and that many times 1024² pixels."""
    scale = math.sqrt(int(megapixels * 1024 * 1024) / (width * height))
    return round(width * scale), round(height * scale)


def missing_side(width: int, height: int, image: Tensor) -> tuple[int, int]:
    """A side given as 0 follows from the other and the aspect of the picture; both as 0 keep its size."""
    old_height, old_width = image.shape[1:3]
    if width == 0 and height == 0:
        return old_width, old_height
    if width == 0:
        return max(1, round(old_width * height / old_height)), height
    if height == 0:
        return width, max(1, round(old_height * width / old_width))
    return width, height


def longest_side_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """Width and height with the same aspect whose longer one is `longest`. Raises `engine.node_failed` for 0."""
    if longest < 1:
        raise EngineError("engine.node_failed", "The largest size is 0; ask for at least 1 pixel.")
    if height > width:
        return max(1, round(width / height * longest)), longest
    if width > height:
        return longest, max(1, round(height / width * longest))
    return longest, longest

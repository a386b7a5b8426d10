"""Colour words: the backgrounds pictures are composed on, and hue rotation that teaches "a blue car" from a red one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "black": (18, 18, 20),
    "gray": (150, 152, 158),
    "red": (226, 62, 68),
    "orange": (247, 144, 47),
    "yellow": (252, 211, 77),
    "green": (84, 186, 110),
    "blue": (66, 133, 244),
    "light blue": (150, 208, 250),
    "purple": (142, 92, 224),
    "pink": (248, 150, 190),
    "brown": (140, 98, 70),
    "beige": (240, 226, 200),
}

HUES_DEGREES: dict[str, float] = {
    "red": 356,
    "orange": 26,
    "yellow": 47,
    "green": 125,
    "blue": 214,
    "purple": 270,
    "pink": 330,
}

LABEL_COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")

# Hues this close to the dominant one rotate together. An object has a colour word only where they cover this share of
# its saturated area.
SPREAD_DEGREES = 28.0
MIN_SHARE = 0.55


@dataclass(frozen=True)
class DominantHue:
    """The hue (degrees) that most of a picture's saturated area has, and that area's share of it (0 to 1)."""

    degrees: float
    share: float


def _hsv(rgb: Floats) -> tuple[Floats, Floats, Floats]:
    """[..., 3] in 0..1 -> hue (degrees), saturation, value, each [...]."""
    high, low = rgb.max(-1), rgb.min(-1)
    span = np.maximum(high - low, 1e-6)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    from_green = np.where(high == green, (blue - red) / span + 2, (red - green) / span + 4)
    sector = np.where(high == red, (green - blue) / span % 6, from_green)
    return (sector * 60).astype(np.float32), (span / np.maximum(high, 1e-6)).astype(np.float32), high


def _rgb(hue: Floats, saturation: Floats, value: Floats) -> Floats:
    """Inverse of `_hsv`."""
    channels = []
    for offset in (5.0, 3.0, 1.0):
        k = (offset + hue / 60) % 6
        channels.append(value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1))
    return np.stack(channels, -1).astype(np.float32)


def _distance_degrees(hue: Floats, to: float) -> Floats:
    distance: Floats = np.abs((hue - np.float32(to) + 180) % 360 - 180).astype(np.float32)
    return distance


def find_dominant_hue(rgba: npt.NDArray[np.uint8]) -> DominantHue | None:
    """[size, size, 4] -> the dominant hue, or None where little of the picture is saturated."""
    pixels = rgba.astype(np.float32) / np.float32(255)
    hue, saturation, value = _hsv(pixels[..., :3])
    weight = saturation * pixels[..., 3] * (saturation > 0.35) * (value > 0.25)
    if weight.sum() < 0.25 * pixels[..., 3].sum():
        return None
    histogram, edges = np.histogram(hue, bins=72, range=(0, 360), weights=weight)
    smooth = sum(np.roll(histogram, shift) for shift in (-1, 0, 1))
    peak = float(edges[int(np.argmax(smooth))]) + 2.5
    share = float((weight * (_distance_degrees(hue, peak) < SPREAD_DEGREES)).sum() / weight.sum())
    return DominantHue(peak, share)


def find_hue_word(dominant: DominantHue) -> str | None:
    """The colour word for a picture whose saturated area is mostly one hue; None for mixed or in-between hues."""
    if dominant.share < MIN_SHARE:
        return None
    word, target = min(HUES_DEGREES.items(), key=lambda item: abs((dominant.degrees - item[1] + 180) % 360 - 180))
    near = abs((dominant.degrees - target + 180) % 360 - 180) < 16
    return word if near else None


def recolour(rgba: npt.NDArray[np.uint8], dominant: DominantHue, word: str) -> npt.NDArray[np.uint8]:
    """Rotates the dominant hue to `word`'s, leaving other hues (windows, leaves, faces) alone. Shapes as given."""
    pixels = rgba.astype(np.float32) / np.float32(255)
    hue, saturation, value = _hsv(pixels[..., :3])
    near = (_distance_degrees(hue, dominant.degrees) < SPREAD_DEGREES * 1.4) & (saturation > 0.12)
    turned = (hue + HUES_DEGREES[word] - dominant.degrees) % 360
    pixels[..., :3] = np.where(near[..., None], _rgb(turned.astype(np.float32), saturation, value), pixels[..., :3])
    return (pixels * 255).round().clip(0, 255).astype(np.uint8)

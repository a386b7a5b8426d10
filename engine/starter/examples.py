"""Composes training examples: one centred object on a plain background, and a caption that says what is to be seen."""

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from .colours import BACKGROUNDS, HUES_DEGREES, LABEL_COLOURS, DominantHue, find_dominant_hue, find_hue_word, recolour
from .concepts import Artwork, Concept, Picture

# Rendered and drawn-with-shadow pictures look best and come first; glossy and flat are near copies of the 3d design.
STYLE_WEIGHTS = {"3d": 5.0, "cartoon": 1.5, "glossy": 1.0, "flat": 1.0}
STYLE_WORDS = {
    "3d": ("3d style", "3d style", "3d render", "3d icon"),
    "glossy": ("glossy style", "glossy icon"),
    "flat": ("flat style", "flat icon", "flat design"),
    "cartoon": ("cartoon style", "cartoon", "sticker style"),
}


@dataclass(frozen=True)
class Example:
    """pixels: [size, size, 3] uint8 RGB."""

    pixels: npt.NDArray[np.uint8]
    caption: str


class Composer:
    """Draws weighted random examples; the same seed gives the same sequence.

    is_moved varies size, place and side of the object. A short run learns faster where each picture keeps its place
    (more samples of fewer latents); a long run generalises better where it does not.
    """

    def __init__(self, artwork: Artwork, seed: int, *, plain_share: float = 0.8, is_moved: bool = False) -> None:
        self.artwork = artwork
        self.rng = random.Random(seed)
        self.plain_share = plain_share
        self.is_moved = is_moved
        self.weights = [concept.weight for concept in artwork.concepts]
        self.hues: dict[int, DominantHue | None] = {}

    def draw(self) -> Example:
        rng = self.rng
        concept = rng.choices(self.artwork.concepts, self.weights)[0]
        picture = rng.choices(concept.pictures, [STYLE_WEIGHTS[p.style] for p in concept.pictures])[0]
        rgba, colour = self._colour(concept, picture)
        background, place = self._background()
        pixels = self._paste(rgba, background)
        return Example(pixels, self._caption(concept, picture, colour, place))

    def _colour(self, concept: Concept, picture: Picture) -> tuple[npt.NDArray[np.uint8], str]:
        """The picture, perhaps recoloured, and the colour word its caption may use ("" for none)."""
        rgba = np.asarray(self.artwork.pixels[picture.row])
        named = next((word for word in LABEL_COLOURS if word in picture.label.split()), "")
        if picture.row not in self.hues:
            self.hues[picture.row] = find_dominant_hue(rgba)
        hue = self.hues[picture.row]
        own = named or (find_hue_word(hue) if hue else None) or ""
        if concept.is_recolourable and hue and hue.share > 0.5 and self.rng.random() < 0.35:
            word = self.rng.choice([name for name in HUES_DEGREES if name != own])
            return recolour(rgba, hue, word), word
        return rgba, own

    def _background(self) -> tuple[npt.NDArray[np.float32], str]:
        """[3] colour in 0..255 and the caption's words for it ("" for none)."""
        if self.rng.random() < self.plain_share:
            words = self.rng.choice(["", "", "", "white background", "on a white background"])
            return np.full(3, 255, np.float32), words
        name = self.rng.choice(list(BACKGROUNDS))
        colour = np.array(BACKGROUNDS[name], np.float32)
        return colour, self.rng.choice([f"{name} background", f"on a {name} background"])

    def _paste(self, rgba: npt.NDArray[np.uint8], background: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """Scales, shifts and perhaps mirrors the object, then lays it on the background."""
        size, rng = self.artwork.size_px, self.rng
        side = round(size * (rng.uniform(0.84, 0.96) if self.is_moved else 0.94))
        # Pillow weighs colours by alpha while it resizes, so edges stay clean.
        layer = np.asarray(Image.fromarray(rgba).resize((side, side), Image.Resampling.LANCZOS), np.float32)
        left = top = (size - side) // 2
        if self.is_moved:
            left, top = rng.randint(0, size - side), rng.randint(0, size - side)
            layer = layer[:, ::-1] if rng.random() < 0.25 else layer
        canvas = np.broadcast_to(background, (size, size, 3)).copy()
        patch = canvas[top : top + side, left : left + side]
        opacity = layer[..., 3:] / 255
        patch[:] = patch * (1 - opacity) + layer[..., :3] * opacity
        return canvas.round().clip(0, 255).astype(np.uint8)

    def _caption(self, concept: Concept, picture: Picture, colour: str, place: str) -> str:
        rng = self.rng
        noun = concept.words[0] if rng.random() < 0.7 else rng.choice(concept.words)
        say_share = 0.9 if concept.is_recolourable else 0.45
        is_colour_said = bool(colour) and colour not in noun and rng.random() < say_share
        subject = f"{colour} {noun}" if is_colour_said else noun
        if rng.random() < 0.6:
            subject = f"{'an' if subject[0] in 'aeiou' else 'a'} {subject}"
        style = rng.choice(STYLE_WORDS[picture.style]) if rng.random() < 0.6 else ""
        extras = [part for part in (style, place) if part]
        rng.shuffle(extras)
        return ", ".join([subject, *extras])

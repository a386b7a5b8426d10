"""The nouns the model is taught: concepts.tsv joined with the rendered pictures."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

TABLE = Path(__file__).with_name("concepts.tsv")


@dataclass(frozen=True)
class Picture:
    """One rendered picture: its row in the pixel file, its style and the label its source gives it."""

    row: int
    style: str
    label: str


@dataclass(frozen=True)
class Concept:
    """A noun, its synonyms, how often to draw it, and the pictures that show it."""

    words: tuple[str, ...]
    weight: float
    is_recolourable: bool
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Artwork:
    """pixels: [count, size, size, 4] straight (not premultiplied) RGBA, mapped from disk."""

    concepts: tuple[Concept, ...]
    pixels: npt.NDArray[np.uint8]

    @property
    def size_px(self) -> int:
        return int(self.pixels.shape[1])


def load_artwork(folder: Path, size_px: int) -> Artwork:
    """Reads what prepare.mjs wrote. Concepts without any picture are left out."""
    listed = json.loads((folder / "pictures.json").read_text())
    pictures = [Picture(row, entry["style"], entry["label"]) for row, entry in enumerate(listed)]
    shape = (len(pictures), size_px, size_px, 4)
    pixels = np.memmap(folder / f"rgba_{size_px}.u8", np.uint8, "r", shape=shape)
    concepts = []
    for line in TABLE.read_text().splitlines():
        if line.startswith("#"):
            continue
        weight, words, labels, *flags = line.split("\t")
        wanted = set(labels.split("|"))
        found = tuple(picture for picture in pictures if picture.label in wanted)
        if found:
            concepts.append(Concept(tuple(words.split(", ")), float(weight), flags == ["r"], found))
    return Artwork(tuple(concepts), pixels)

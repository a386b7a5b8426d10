"""VAE's socket, and where nodes get models from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from studio_engine.models.files import ModelFile, ModelKind
from studio_engine.models.parts import PartSource
from studio_engine.sampling.model import Model
from studio_engine.sampling.text_encoder import TextEncoder


class Autoencoder(Protocol):
    """A VAE. Images are `[batch, height, width, 3]`, fp32 in 0…1.

    `on_part` is called before each picture or tile, which take seconds; it may raise to stop the work.
    """

    def encode(self, images: Tensor, on_part: Callable[[], None] = ...) -> Tensor:
        """Images to raw latents (the mean, no sampling); sides are cropped to multiples of 8."""
        ...

    def decode(self, latents: Tensor, on_part: Callable[[], None] = ...) -> Tensor:
        """Raw latents to images, clamped to 0…1."""
        ...

    def encode_tiled(self, images: Tensor, *, tile: int, overlap: int, on_part: Callable[[], None] = ...) -> Tensor:
        """Piece by piece, to need less memory; sizes in pixels."""
        ...

    def decode_tiled(self, latents: Tensor, *, tile: int, overlap: int, on_part: Callable[[], None] = ...) -> Tensor:
        """Piece by piece, to need less memory; sizes in pixels of the result."""
        ...


class ModelSource(PartSource, Protocol):
    """Opens models by the name that a graph uses; loads their weights at first use, keeps them as memory allows."""

    def find(self, kind: ModelKind, name: str) -> ModelFile:
        """A model file by the name that a graph uses. Raises `model.file_missing`, or why it cannot be used."""
        ...

    def checkpoint(self, name: str) -> tuple[Model, TextEncoder, Autoencoder]:
        """Raises `model.file_missing`, `model.file_corrupt`, `model.family_unknown`, `model.untrained`."""
        ...

    def pipeline(self, name: str) -> tuple[Model, TextEncoder, Autoencoder]:
        """A model in a folder as diffusers saves it; raises as `checkpoint` does."""
        ...

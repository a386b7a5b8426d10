"""What flows through the sockets of a graph: the seam between nodes and model families."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from studio_engine.models.files import ModelFile, ModelKind
from studio_engine.models.parts import PartSource
from studio_engine.sampling.conditioning import Conditioning
from studio_engine.sampling.model import Latent, Model

__all__ = ["Autoencoder", "Conditioning", "Latent", "Model", "ModelSource", "NodeContext", "TextEncoder"]


class TextEncoder(Protocol):
    """A CLIP."""

    def encode(
        self, text: str, *, parts: Mapping[str, str] | None = None, leaves_out_empty: bool = False
    ) -> Conditioning:
        """Encode one prompt in ComfyUI's syntax: `(word:1.2)` weights, chunks of 75 tokens, `embedding:name`.

        `parts` are prompts for single encoders (`l`, `h`, `g`, `t5xxl`) in place of `text`. Where `leaves_out_empty`,
        encoders without a prompt say nothing at all. Raises `engine.node_failed` for encoders that it does not have.
        """
        ...

    def with_layer(self, layer: int) -> TextEncoder:
        """Clip skip: reads an inner layer's states, -1 = the last; a layer that is not there counts as the last."""
        ...

    def with_t5_padding(self, min_padding: int, min_length: int) -> TextEncoder:
        """T5's prompts padded by at least so many tokens, to at least so many in all."""
        ...


class Autoencoder(Protocol):
    """A VAE. Images are `[batch, height, width, 3]`, fp32 in 0…1."""

    def encode(self, images: Tensor) -> Tensor:
        """Images to raw latents (the mean, no sampling); sides are cropped to multiples of 8."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Raw latents to images, clamped to 0…1."""
        ...

    def encode_tiled(self, images: Tensor, *, tile: int, overlap: int) -> Tensor:
        """Piece by piece, to need less memory; sizes in pixels."""
        ...

    def decode_tiled(self, latents: Tensor, *, tile: int, overlap: int) -> Tensor:
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


class NodeContext(Protocol):
    """All that a node may use besides its inputs. It knows no server and no file system."""

    @property
    def models(self) -> ModelSource: ...

    def check_cancelled(self) -> None:
        """Raises `job.cancelled` when someone asked the job to stop."""
        ...

    def progress(self, step: int, steps: int) -> None:
        """Reports `step` of `steps` done in the running node; also checks for cancellation."""
        ...

    def preview(self, latents: Tensor, model: Model) -> None:
        """Offers latents of `model` `[batch, channels, h, w]`, multiplied by the latent scale, for a preview."""
        ...

    def save_image(self, images: Tensor, *, prefix: str, is_temporary: bool = False) -> None:
        """Hands out images `[batch, height, width, 3]` in 0…1 as results of the job."""
        ...

    def save_file(self, data: bytes, *, content_type: str, size: tuple[int, int], is_temporary: bool = False) -> None:
        """Hands out an encoded picture of `size` (width, height), e.g. an animation, as a result of the job."""
        ...

    def input_file(self, name: str) -> bytes:
        """The bytes of an uploaded input. Raises `blob.not_found`."""
        ...

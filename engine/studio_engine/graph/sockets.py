"""What flows through the sockets of a graph: the seam between nodes and model families."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from studio_engine.models.source import Autoencoder, ModelSource
from studio_engine.sampling.conditioning import Conditioning
from studio_engine.sampling.model import Latent, Model
from studio_engine.sampling.text_encoder import TextEncoder

__all__ = ["Autoencoder", "Conditioning", "Latent", "Model", "ModelSource", "NodeContext", "TextEncoder"]


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

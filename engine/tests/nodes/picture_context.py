"""What a node of pictures sees of its job: uploads by name, and what it handed out."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.sampling.model import Model


@dataclass
class PictureContext:
    """A NodeContext without a job around it."""

    files: dict[str, bytes] = field(default_factory=dict)
    models: Any = None
    images: list[Tensor] = field(default_factory=list)
    kept: list[Tensor] = field(default_factory=list)
    encoded: list[tuple[str, tuple[int, int], bytes]] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)

    def check_cancelled(self) -> None:
        pass

    def progress(self, step: int, steps: int) -> None:
        self.steps.append((step, steps))

    def preview(self, latents: Tensor, model: Model) -> None:
        raise AssertionError("these nodes draw nothing")

    def save_image(self, images: Tensor, *, prefix: str, is_temporary: bool = False) -> None:
        self.images.append(images)
        if not is_temporary:
            self.kept.append(images)

    def save_file(self, data: bytes, *, content_type: str, size: tuple[int, int], is_temporary: bool = False) -> None:
        self.encoded.append((content_type, size, data))

    def input_file(self, name: str) -> bytes:
        if name not in self.files:
            raise EngineError("blob.not_found")
        return self.files[name]

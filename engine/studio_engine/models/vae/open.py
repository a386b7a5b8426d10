"""Opens autoencoders by VAELoader's names: reads headers only."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Protocol

from studio_engine.errors import EngineError
from studio_engine.models.parts import PartRef
from studio_engine.models.vae.handle import PixelVae, Vae
from studio_engine.models.vae.tiny import TINY_FORMATS

if TYPE_CHECKING:
    from studio_engine.models.files import ModelFile, ModelKind
    from studio_engine.models.source import Autoencoder, ModelSource
    from studio_engine.sampling.model import LatentFormat

PIXEL_SPACE: Final = "pixel_space"
_OTHER_ENDINGS: Final = (".pth", ".pt")


class _Files(Protocol):
    def find(self, kind: ModelKind, name: str) -> ModelFile: ...


def open_vae(source: ModelSource, name: str) -> Autoencoder:
    """A file in `vae/`, one of the TAESD pairs in `vae_approx/`, or the pixels themselves."""
    if name == PIXEL_SPACE:
        return PixelVae()
    if name in TINY_FORMATS:
        return Vae(source, PartRef(_pair(source, name), "taesd", name))
    return Vae(source, PartRef((source.find("vae", name),), "vae", "vae"))


def built_in_vaes(approximate: Collection[str]) -> list[str]:
    """VAELoader's names besides files, given those in `vae_approx/`."""
    stems = {file.rpartition(".")[0] for file in approximate}
    pairs = [name for name in TINY_FORMATS if {f"{name}_encoder", f"{name}_decoder"} <= stems]
    return [*pairs, PIXEL_SPACE]


def _pair(source: _Files, name: str) -> tuple[ModelFile, ModelFile]:
    return _approximate(source, f"{name}_encoder"), _approximate(source, f"{name}_decoder")


def _approximate(source: _Files, stem: str) -> ModelFile:
    for ending in _OTHER_ENDINGS:
        try:
            return source.find("vae_approx", stem + ending)
        except EngineError as error:
            if error.code != "model.file_missing":
                raise
    return source.find("vae_approx", f"{stem}.safetensors")


def small_vae(source: _Files, approximate: Collection[str], latent: LatentFormat) -> PartRef | None:
    """The TAESD pair for these latents; None where its files are not among those in `vae_approx/`."""
    name = next((name for name, known in TINY_FORMATS.items() if known == latent), None)
    if name is None or name not in built_in_vaes(approximate):
        return None
    return PartRef(_pair(source, name), "taesd", name)

"""Models that lie in a folder of their own, as diffusers saves them: one subfolder with a file for each part."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.errors import EngineError
from studio_engine.models.describe import describe
from studio_engine.models.families import family_named
from studio_engine.models.files import ModelFile, ModelKind
from studio_engine.models.open import open_network
from studio_engine.models.parts import PartRef
from studio_engine.models.text.open import open_text
from studio_engine.models.vae.handle import Vae

if TYPE_CHECKING:
    from studio_engine.models.source import Autoencoder, ModelSource
    from studio_engine.sampling.model import Model
    from studio_engine.sampling.text_encoder import TextEncoder

log = logging.getLogger(__name__)

# Subfolder -> what its file is. A pipeline has a network under one of two names, and up to three text encoders.
_FOLDERS: Final[Mapping[str, ModelKind]] = {
    "unet": "diffusion_model",
    "transformer": "diffusion_model",
    "vae": "vae",
    "text_encoder": "text_encoder",
    "text_encoder_2": "text_encoder",
    "text_encoder_3": "text_encoder",
}
# The first that is there is taken.
_NAMES: Final = (
    *("diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.safetensors"),
    *("model.fp16.safetensors", "model.safetensors"),
)


@dataclass(frozen=True)
class Pipeline:
    name: str
    files: tuple[ModelFile, ...]

    @property
    def digest(self) -> str:
        return hashlib.sha256("".join(file.sha256 for file in self.files).encode()).hexdigest()

    def of_kind(self, kind: ModelKind) -> tuple[ModelFile, ...]:
        """Raises `model.file_missing` where there is none, and the reason where one cannot be used."""
        files = tuple(file for file in self.files if file.kind == kind)
        if not files:
            raise EngineError("model.file_missing", f"{self.name}/ holds no {kind} in one .safetensors file; add it.")
        for file in files:
            if file.problem is not None:
                raise EngineError(file.problem.code, file.problem.message)
        return files


def scan_pipelines(folder: Path, digests: DigestCache) -> tuple[Pipeline, ...]:
    """Folders that hold a `model_index.json`, by their names relative to `folder`."""
    found = []
    for index in sorted(folder.rglob("model_index.json")):
        name = index.parent.relative_to(folder).as_posix()
        try:
            found.append(Pipeline(name, tuple(_files(index.parent, name, digests))))
        except OSError as cause:
            log.warning("%s cannot be read: %s", index.parent, cause)
    return tuple(found)


def open_pipeline(source: ModelSource, pipeline: Pipeline) -> tuple[Model, TextEncoder, Autoencoder]:
    (network,), (autoencoder,) = pipeline.of_kind("diffusion_model"), pipeline.of_kind("vae")
    ref = PartRef((autoencoder,), "vae", "vae")
    model = open_network(source, network, vae=ref)
    clip_type = family_named(model.network.family).clip_type
    return model, open_text(source, pipeline.of_kind("text_encoder"), clip_type), Vae(source, ref)


def _files(root: Path, name: str, digests: DigestCache) -> list[ModelFile]:
    files = []
    for folder, kind in _FOLDERS.items():
        path = next((root / folder / each for each in _NAMES if (root / folder / each).is_file()), None)
        if path is not None:
            described = describe(kind, f"{name}/{folder}/{path.name}", path, digests=digests)
            files.append(replace(described, title=f"{name} {folder}"))
    return files

"""Opens model files as handles: reads headers only, weights come when they are computed with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio_engine.checkpoint.safetensors_file import read_header
from studio_engine.models.detect import detect_network
from studio_engine.models.families.family import Family
from studio_engine.models.files import ModelFile
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import PartRef
from studio_engine.models.text.open import checkpoint_text, text_parts
from studio_engine.models.vae.handle import Vae
from studio_engine.sampling.model import Model

if TYPE_CHECKING:
    from studio_engine.models.source import Autoencoder, ModelSource
    from studio_engine.sampling.text_encoder import TextEncoder


@dataclass(frozen=True)
class CheckpointParts:
    """The parts of a checkpoint that holds all of them."""

    family: Family
    keys: PartKeys
    """Of the network."""
    network: PartRef
    text: tuple[PartRef, ...]
    vae: PartRef

    @property
    def refs(self) -> tuple[PartRef, ...]:
        return (self.network, *self.text, self.vae)


def checkpoint_parts(file: ModelFile) -> CheckpointParts:
    """Raises `model.family_unknown`, naming what the file is instead, and `model.file_corrupt`."""
    header = read_header(file.path)
    family, keys = detect_network(header)
    return CheckpointParts(
        family=family,
        keys=keys,
        network=PartRef((file,), "network", family.name),
        text=tuple(PartRef((file,), part, family.name) for part in text_parts(header, family.text)),
        vae=PartRef((file,), "vae", family.name),
    )


def open_checkpoint(source: ModelSource, file: ModelFile) -> tuple[Model, TextEncoder, Autoencoder]:
    parts = checkpoint_parts(file)
    network = parts.family.network(source, parts.network, parts.vae, parts.keys)
    model = Model(network, parts.family.sampling(parts.keys), parts.family.latent(parts.keys))
    return model, checkpoint_text(source, parts.text, parts.family.name), Vae(source, parts.vae)


def open_network(
    source: ModelSource, file: ModelFile, weight_dtype: str | None = None, *, vae: PartRef | None = None
) -> Model:
    """The network alone, of a checkpoint or of a file of its own; `weight_dtype` in torch's spelling.

    `vae` shows previews.

    Raises `model.family_unknown`, naming what the file is instead, and `model.file_corrupt`.
    """
    family, keys = detect_network(read_header(file.path))
    ref = PartRef((file,), "network", family.name, weight_dtype=weight_dtype)
    return Model(family.network(source, ref, vae, keys), family.sampling(keys), family.latent(keys))

"""Models in memory: loaded when first used, dropped least recently used first, bounded in bytes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from torch import Tensor

from studio_engine.checkpoint.safetensors_file import read_header
from studio_engine.denoise.batcher import Batcher
from studio_engine.errors import EngineError
from studio_engine.models.blueprints import blueprint_of
from studio_engine.models.load import load_part
from studio_engine.models.lru import ByteLru
from studio_engine.models.open import checkpoint_parts, open_checkpoint
from studio_engine.models.parts import LoadedPart, PartRef
from studio_engine.models.patch import patched_part
from studio_engine.models.pipelines import open_pipeline
from studio_engine.models.preview import Previews
from studio_engine.models.vae.open import small_vae
from studio_engine.runtime.memory import pool_of

if TYPE_CHECKING:
    from studio_engine.models.files import ModelFile, ModelKind
    from studio_engine.models.inventory import Inventory
    from studio_engine.models.source import Autoencoder
    from studio_engine.runtime.plan import ComputePlan
    from studio_engine.sampling.model import LatentFormat, Model
    from studio_engine.sampling.text_encoder import TextEncoder

log = logging.getLogger(__name__)


class ModelStore:
    """A ModelSource and a PartSource, for any number of threads."""

    def __init__(self, inventory: Inventory, plan: ComputePlan, max_bytes: int, batcher: Batcher | None = None) -> None:
        self._inventory = inventory
        self.plan = plan
        self.batcher = batcher or Batcher()
        self.loaded: ByteLru[PartRef, LoadedPart] = ByteLru(max_bytes, lambda part: part.owned_bytes)
        self._previews = Previews()

    def find(self, kind: ModelKind, name: str) -> ModelFile:
        return self._inventory.find(kind, name)

    def part(self, ref: PartRef) -> LoadedPart:
        found = self.loaded.get(ref)
        if found is None:
            return self._patched(ref) if ref.patches else self._base(ref)
        if ref.patches:
            # It shares the base's weights, so the base must not be dropped before it.
            self.loaded.get(ref.base)
        return found

    def preview(self, latents: Tensor, latent: LatentFormat, vae: PartRef | None) -> Tensor:
        return self._previews.colours(self, latents, latent, self._small_vae(latent) or vae)

    def checkpoint(self, name: str) -> tuple[Model, TextEncoder, Autoencoder]:
        return open_checkpoint(self, self.find("checkpoint", name))

    def pipeline(self, name: str) -> tuple[Model, TextEncoder, Autoencoder]:
        return open_pipeline(self, self._inventory.find_pipeline(name))

    def warm_up(self) -> None:
        """Loads the first checkpoint that works, so that the first job need not wait for it."""
        file = next((f for f in self._inventory.files if f.kind == "checkpoint" and f.problem is None), None)
        if file is None:
            return
        try:
            parts = checkpoint_parts(file)
            for ref in parts.refs:
                self.part(ref)
            self._previews.factors(self, parts.vae, parts.family.latent(parts.keys))
        except EngineError as error:
            log.warning("%s cannot be loaded: %s", file.name, error)

    def loaded_names(self) -> list[str]:
        """Model files in memory, most recently used first."""
        return list(dict.fromkeys(ref.files[0].name for ref in reversed(self.loaded.keys())))

    def _small_vae(self, latent: LatentFormat) -> PartRef | None:
        approximate = self._inventory.list_files("vae_approx") or ()
        return small_vae(self._inventory, approximate, latent)

    def _base(self, ref: PartRef) -> LoadedPart:
        headers = [read_header(file.path) for file in ref.files]
        blueprint = blueprint_of(ref, headers, self.plan)
        empty = blueprint.empty()
        width = (blueprint.stored_dtype or blueprint.dtype).itemsize
        expected = sum(tensor.numel() for tensor in empty.parameters()) * width
        room = expected if ref in self.loaded else pool_of(self.plan.device).room_for_weights(expected)
        device_bytes = room if room < expected else None
        return self.loaded.get_or_add(
            ref,
            lambda: load_part(blueprint, empty, headers, plan=self.plan, device_bytes=device_bytes),
            expected_bytes=room,
        )

    def _patched(self, ref: PartRef) -> LoadedPart:
        base = self.part(ref.base)
        variant = self.loaded.get_or_add(ref, lambda: patched_part(base, ref.patches, self))
        # The newest is dropped last: the base just before the variant.
        self.loaded.get(ref.base)
        return self.loaded.get(ref) or variant

"""Models in memory: loaded when first used, dropped least recently used first, bounded in bytes."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from torch import Tensor, nn

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_header
from studio_engine.errors import EngineError
from studio_engine.models.detect import detect_checkpoint
from studio_engine.models.families.sd1.handles import Sd1Network, Sd1Text, Sd1Vae
from studio_engine.models.families.sd1.load import Sd1Weights, load_sd1, unshared_bytes
from studio_engine.models.families.sd1.lora import LoraUse, Part, lora_updates, patched
from studio_engine.models.families.sd1.preview import fit_preview_factors
from studio_engine.models.lru import ByteLru
from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.model import LatentFormat, Model

if TYPE_CHECKING:
    from studio_engine.graph.sockets import Autoencoder, TextEncoder
    from studio_engine.models.files import ModelFile
    from studio_engine.models.inventory import Inventory
    from studio_engine.runtime.plan import ComputePlan

log = logging.getLogger(__name__)

_Key = tuple[str, str, tuple[tuple[str, float], ...]]


class ModelStore:
    """A ModelSource. Not for use by several threads at once: one job runs at a time."""

    def __init__(self, inventory: Inventory, plan: ComputePlan, max_bytes: int) -> None:
        self._inventory = inventory
        self.plan = plan
        self._loaded: ByteLru[_Key, Sd1Weights] = ByteLru(max_bytes, lambda weights: weights.owned_bytes)
        self._names: dict[str, str] = {}
        self._preview_factors: dict[str, Tensor] = {}

    def checkpoint(self, name: str) -> tuple[Model, TextEncoder, Autoencoder]:
        file = self._inventory.find("checkpoint", name)
        scale = self.weights(file).config.vae.latent_scale
        model = Model(Sd1Network(self, file), discrete_sampling(), LatentFormat(scale=scale))
        return model, Sd1Text(self, file), Sd1Vae(self, file)

    def with_lora(
        self, model: Model, clip: TextEncoder, name: str, *, strength_model: float, strength_clip: float
    ) -> tuple[Model, TextEncoder]:
        file = self._inventory.find("lora", name)
        network = model.network
        if not isinstance(network, Sd1Network) or not isinstance(clip, Sd1Text):
            raise EngineError("model.family_unknown", f"{name} cannot be applied: the model is not of SD 1.x.")
        base = self.weights(network.file)
        modules: dict[Part, nn.Module] = {"unet": base.unet, "text": base.text}
        lora_updates(read_header(file.path), modules)
        return (
            replace(model, network=network.with_lora(LoraUse(file, strength_model))) if strength_model else model,
            clip.with_lora(LoraUse(file, strength_clip)) if strength_clip else clip,
        )

    def weights(self, file: ModelFile, part: Part = "unet", loras: tuple[LoraUse, ...] = ()) -> Sd1Weights:
        self._names[file.sha256] = file.name
        base_key: _Key = (file.sha256, "", ())
        if base_key in self._loaded:
            base = self._loaded.get_or_add(base_key, lambda: self._load(file))
        else:
            expected = _expected_bytes(read_header(file.path), self.plan)
            base = self._loaded.get_or_add(base_key, lambda: self._load(file), expected_bytes=expected)
        if not loras:
            return base
        key = (file.sha256, part, tuple((use.file.sha256, use.strength) for use in loras))
        variant = self._loaded.get_or_add(key, lambda: _patched(base, part, loras))
        # The variant shares the base's weights, so the base must not be dropped before it.
        self._loaded.touch(base_key)
        return variant

    def preview_factors(self, file: ModelFile) -> Tensor:
        if file.sha256 not in self._preview_factors:
            weights = self.weights(file)
            self._preview_factors[file.sha256] = fit_preview_factors(weights, self.plan)
        return self._preview_factors[file.sha256]

    def warm_up(self) -> None:
        """Loads the first checkpoint that works, so that the first job need not wait for it."""
        file = next((f for f in self._inventory.files if f.kind == "checkpoint" and f.problem is None), None)
        if file is None:
            return
        try:
            self.preview_factors(file)
        except EngineError as error:
            log.warning("%s cannot be loaded: %s", file.name, error)

    def loaded_names(self) -> list[str]:
        """Checkpoints in memory, most recently used first."""
        return list(dict.fromkeys(self._names[sha256] for sha256, *_ in reversed(self._loaded.keys())))

    def unload_all(self) -> None:
        self._loaded.clear()

    def _load(self, file: ModelFile) -> Sd1Weights:
        started = time.monotonic()
        header = read_header(file.path)
        detect_checkpoint(header)
        weights = load_sd1(header, self.plan)
        log.info("loaded %s, %.0f MB, %.1f s", file.name, weights.owned_bytes / 1e6, time.monotonic() - started)
        return weights


def _patched(base: Sd1Weights, part: Part, loras: tuple[LoraUse, ...]) -> Sd1Weights:
    modules: dict[Part, nn.Module] = {"unet": base.unet, "text": base.text}
    updates = [(lora_updates(read_header(use.file.path), modules)[part], use.strength) for use in loras]
    if part == "unet":
        unet = patched(base.unet, updates)
        return replace(base, unet=unet, owned_bytes=unshared_bytes(unet, base.unet))
    text = patched(base.text, updates)
    return replace(base, text=text, owned_bytes=unshared_bytes(text, base.text))


def _expected_bytes(header: SafetensorsHeader, plan: ComputePlan) -> int:
    count = sum(math.prod(entry.shape) for entry in header.tensors.values())
    return count * plan.unet_dtype.itemsize

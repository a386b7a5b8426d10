"""How to make an autoencoder from a checkpoint or a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from torch import nn

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import Blueprint, PartRef, WeightSource
from studio_engine.models.vae.config import VaeConfig, is_diffusers, read_vae_config
from studio_engine.models.vae.keys import ldm_key, old_diffusers_key
from studio_engine.runtime.plan import ComputePlan

PREFIXES: Final = ("first_stage_model.", "vae.", "")


def vae_keys(header: SafetensorsHeader) -> PartKeys:
    """Raises `model.untrained` when the file holds no autoencoder."""
    for prefix in PREFIXES:
        keys = PartKeys(header, prefix)
        if "decoder.conv_in.weight" in keys:
            return keys
    raise EngineError(
        "model.untrained", f"{header.path.name} holds no autoencoder; load one of its family with VAELoader."
    )


def vae_blueprint(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    keys = vae_keys(headers[0])
    config = read_vae_config(keys)

    def empty() -> nn.Module:
        from studio_engine.models.vae.modules import empty_vae

        return empty_vae(config)

    return Blueprint(
        config=config,
        empty=empty,
        source=_source(keys, config),
        dtype=plan.dtype_for(plan.vae_dtype, config.widths),
        is_idle=lambda key: not key.startswith(keys.prefix) or key.startswith(f"{keys.prefix}loss."),
    )


def _source(keys: PartKeys, config: VaeConfig) -> Callable[[str], WeightSource]:
    if not is_diffusers(keys):
        return lambda name: WeightSource(keys.prefix + ldm_key(name, config))
    return lambda name: WeightSource(keys.prefix + (name if name in keys else old_diffusers_key(name)))

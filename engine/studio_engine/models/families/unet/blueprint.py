"""How to make a UNet from a checkpoint or from a file of its own."""

from __future__ import annotations

from torch import nn

from studio_engine.models.families.idle import is_idle_for_network
from studio_engine.models.families.unet.config import is_diffusers, read_unet_config
from studio_engine.models.families.unet.keys import ldm_key
from studio_engine.models.keys import PartKeys
from studio_engine.models.narrow import stored_dtype
from studio_engine.models.parts import Blueprint, PartRef, WeightSource
from studio_engine.runtime.plan import ComputePlan


def unet_blueprint(ref: PartRef, keys: PartKeys, plan: ComputePlan) -> Blueprint:
    config = read_unet_config(keys)

    def empty() -> nn.Module:
        from studio_engine.models.families.unet.modules import empty_unet

        return empty_unet(config)

    is_own = is_diffusers(keys)
    return Blueprint(
        config=config,
        empty=empty,
        source=lambda name: WeightSource(keys.prefix + (name if is_own else ldm_key(name, config))),
        dtype=plan.dtype_for(plan.unet_dtype, config.widths),
        is_idle=is_idle_for_network,
        stored_dtype=stored_dtype(ref, keys),
    )

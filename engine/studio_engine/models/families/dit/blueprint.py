"""How to make a transformer from a checkpoint or from a file of its own."""

from __future__ import annotations

import torch
from torch import nn

from studio_engine.models.families.dit.config import (
    is_diffusers_flux,
    is_diffusers_sd3,
    read_flux_config,
    read_sd3_config,
)
from studio_engine.models.families.dit.keys import flux_source, sd3_source
from studio_engine.models.families.idle import is_idle_for_network
from studio_engine.models.keys import PartKeys
from studio_engine.models.narrow import stored_dtype
from studio_engine.models.parts import Blueprint, PartRef, WeightSource
from studio_engine.runtime.plan import ComputePlan


def sd3_blueprint(ref: PartRef, keys: PartKeys, plan: ComputePlan) -> Blueprint:
    config, is_own = read_sd3_config(keys), is_diffusers_sd3(keys)

    def empty() -> nn.Module:
        from studio_engine.models.families.dit.modules import empty_sd3

        return empty_sd3(config)

    def source(name: str) -> WeightSource:
        found = WeightSource(name) if is_own else sd3_source(name, config.layers)
        return WeightSource(keys.prefix + found.key, found.take)

    return Blueprint(
        config=config,
        empty=empty,
        source=source,
        dtype=plan.dtype_for(plan.unet_dtype, (config.width,)),
        stored_dtype=stored_dtype(ref, keys),
        is_idle=is_idle_for_network,
    )


def flux_blueprint(ref: PartRef, keys: PartKeys, plan: ComputePlan) -> Blueprint:
    config, is_own = read_flux_config(keys), is_diffusers_flux(keys)

    def empty() -> nn.Module:
        from studio_engine.models.families.dit.modules import empty_flux

        return empty_flux(config)

    def source(name: str) -> WeightSource:
        found = WeightSource(name) if is_own else flux_source(name, config)
        return WeightSource(keys.prefix + found.key, found.take)

    # Flux was trained in bf16; its activations pass fp16's range.
    fast = torch.bfloat16 if plan.unet_dtype == torch.float16 else plan.unet_dtype
    return Blueprint(
        config=config,
        empty=empty,
        source=source,
        dtype=plan.dtype_for(fast, (config.width,)),
        stored_dtype=stored_dtype(ref, keys),
        is_idle=is_idle_for_network,
    )

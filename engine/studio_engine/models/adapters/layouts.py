"""What the makers' own files call a network's weights: adapters use these names whatever file the network is of."""

from __future__ import annotations

from collections.abc import Callable

from studio_engine.models.families.dit.config import FluxConfig, Sd3Config
from studio_engine.models.families.dit.keys import flux_source, sd3_source
from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.families.unet.keys import ldm_key
from studio_engine.models.parts import WeightSource


def single_file_source(config: object) -> Callable[[str], WeightSource] | None:
    """From our names; None where there are no others, as for text encoders."""
    if isinstance(config, UnetConfig):
        return lambda name: WeightSource(ldm_key(name, config))
    if isinstance(config, Sd3Config):
        return lambda name: sd3_source(name, config.layers)
    if isinstance(config, FluxConfig):
        return lambda name: flux_source(name, config)
    return None

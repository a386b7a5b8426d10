"""What the UNet families share: from a file's names to a handle."""

from __future__ import annotations

from collections.abc import Callable

from studio_engine.models.families.unet.concat import edit_channels, inpaint_channels
from studio_engine.models.families.unet.config import UnetConfig, find_unet_config, read_unet_config
from studio_engine.models.families.unet.network import ConcatMaker, UnetNetwork, UnetReading, VectorMaker
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import PartRef, PartSource
from studio_engine.sampling.model import LatentFormat

LATENT_CHANNELS = 4
INPAINT_CHANNELS = 2 * LATENT_CHANNELS + 1
EDIT_CHANNELS = 2 * LATENT_CHANNELS


def matches(test: Callable[[UnetConfig], bool]) -> Callable[[PartKeys], bool]:
    """Whether names are a UNet's whose sizes pass the test, with input channels that this engine can fill."""

    def is_match(keys: PartKeys) -> bool:
        config = find_unet_config(keys)
        known = (LATENT_CHANNELS, EDIT_CHANNELS, INPAINT_CHANNELS)
        return config is not None and config.in_channels in known and test(config)

    return is_match


def network(
    latent: Callable[[PartKeys], LatentFormat],
    vector: Callable[[PartKeys], VectorMaker] | None = None,
    *,
    edit: Callable[[PartKeys], ConcatMaker] = lambda keys: edit_channels,
) -> Callable[[PartSource, PartRef, PartRef | None, PartKeys], UnetNetwork]:
    """Makes a family's handles."""

    def make(source: PartSource, ref: PartRef, vae: PartRef | None, keys: PartKeys) -> UnetNetwork:
        config = read_unet_config(keys)
        concat: ConcatMaker | None = None
        if config.in_channels == INPAINT_CHANNELS:
            concat = inpaint_channels
        elif config.in_channels == EDIT_CHANNELS:
            concat = edit(keys)
        reading = UnetReading(
            config.context_width, None if vector is None or config.vector_width is None else vector(keys), concat
        )
        return UnetNetwork(source, ref, latent(keys), vae, reading)

    return make

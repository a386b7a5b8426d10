"""TAESD: autoencoders small enough for previews (Ollin Boer Bohan 2023), in two files: encoder and decoder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_tensors
from studio_engine.errors import EngineError
from studio_engine.models.parts import Blueprint, PartRef, WeightSource
from studio_engine.runtime.plan import ComputePlan
from studio_engine.sampling.latent_formats import FLUX_LATENT, SD3_LATENT, SD_LATENT, SDXL_LATENT
from studio_engine.sampling.model import LatentFormat

TINY_FORMATS: Final[Mapping[str, LatentFormat]] = {
    "taesd": SD_LATENT,
    "taesdxl": SDXL_LATENT,
    "taesd3": SD3_LATENT,
    "taef1": FLUX_LATENT,
}
"""By VAELoader's name: whose latents each of them reads."""

_WIDTH: Final = 64
_BLOCKS: Final = (1, 3, 3, 3)


@dataclass(frozen=True)
class TinyConfig:
    latent: LatentFormat
    widths: tuple[int, ...] = (_WIDTH,)

    @property
    def latent_channels(self) -> int:
        return self.latent.channels

    @property
    def downscale(self) -> int:
        """Pixels per latent cell and side."""
        return self.latent.cells


def tiny_blueprint(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    """Of (encoder file, decoder file); the ref's family is one of TINY_FORMATS. Raises `model.family_unknown`."""
    encoder, decoder = headers
    config = TinyConfig(TINY_FORMATS[ref.family])
    names = {"encoder": _names(encoder, "encoder", 0), "decoder": _names(decoder, "decoder", 1)}
    channels = encoder.shape(names["encoder"].get("layers.14.weight", ""))
    if channels is None or channels[0] != config.latent.channels:
        raise EngineError("model.family_unknown", f"{encoder.path.name} is not the encoder of {ref.family}.")

    def empty() -> nn.Module:
        from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

        with torch.device("meta"):
            tiny: nn.Module = AutoencoderTiny(
                latent_channels=config.latent.channels,
                num_encoder_blocks=_BLOCKS,
                num_decoder_blocks=tuple(reversed(_BLOCKS)),
            )
        return tiny.train(False)

    return Blueprint(
        config=config,
        empty=empty,
        source=lambda name: WeightSource(_qualified(name, names)),
        dtype=plan.dtype_for(plan.vae_dtype, config.widths),
        # Both files number their layers from 0.
        tensors=lambda: {
            f"{part}/{key}": tensor
            for part, header in (("encoder", encoder), ("decoder", decoder))
            for key, tensor in read_tensors(header).items()
        },
    )


def _qualified(name: str, names: Mapping[str, Mapping[str, str]]) -> str:
    part, _, inner = name.partition(".")
    return f"{part}/{names[part].get(inner, inner)}"


def _names(header: SafetensorsHeader, part: str, first: int) -> dict[str, str]:
    """Our name -> stored name. The original files number layers from a parameterless one that clamps latents.

    Diffusers' files have `decoder.layers.` before the number and do not count that one.
    """
    names: dict[str, str] = {}
    for key in header.tensors:
        if match := re.fullmatch(rf"(?:taesd_)?(?:{part}\.)?(layers\.)?(\d+)\.(.+)", key):
            number = int(match[2]) - (0 if match[1] else first)
            names[f"layers.{number}.{match[3]}"] = key
    return names

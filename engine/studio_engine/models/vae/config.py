"""The sizes of an autoencoder, read from the shapes of its tensors (latent-diffusion or diffusers names)."""

from __future__ import annotations

from dataclasses import dataclass

from studio_engine.models.keys import PartKeys


@dataclass(frozen=True)
class VaeConfig:
    in_channels: int
    out_channels: int
    latent_channels: int
    widths: tuple[int, ...]
    layers_per_block: int
    norm_groups: int
    has_quant: bool = True
    """Whether 1×1 convolutions stand between the latents and the networks; newer autoencoders have none."""

    @property
    def downscale(self) -> int:
        """Pixels per latent cell and side."""
        return int(2 ** (len(self.widths) - 1))


def is_diffusers(keys: PartKeys) -> bool:
    return "decoder.up_blocks.0.resnets.0.norm1.weight" in keys


def read_vae_config(keys: PartKeys) -> VaeConfig:
    """Raises `model.untrained` when tensors that the sizes depend on are missing."""
    level, first = (
        (r"encoder\.down_blocks\.(\d+)\.", "encoder.down_blocks.{}.resnets.0.conv1.weight")
        if is_diffusers(keys)
        else (r"encoder\.down\.(\d+)\.", "encoder.down.{}.block.0.conv1.weight")
    )
    layers = r"encoder\.down_blocks\.0\.resnets\.(\d+)\." if is_diffusers(keys) else r"encoder\.down\.0\.block\.(\d+)\."
    return VaeConfig(
        in_channels=keys.sizes("encoder.conv_in.weight", 4)[1],
        out_channels=keys.sizes("decoder.conv_out.weight", 4)[0],
        latent_channels=keys.sizes("decoder.conv_in.weight", 4)[1],
        widths=tuple(keys.sizes(first.format(number), 4)[0] for number in range(keys.count(level))),
        layers_per_block=keys.count(layers),
        norm_groups=keys.number("studio.vae_norm_groups", 32),
        has_quant="post_quant_conv.weight" in keys,
    )

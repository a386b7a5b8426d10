"""The sizes of a UNet's ControlNet (Zhang et al. 2023), read from the shapes of its tensors, in either layout."""

from __future__ import annotations

from dataclasses import dataclass

from studio_engine.models.families.unet.config import UnetConfig, depth_at, head_counts, ldm_levels
from studio_engine.models.keys import PartKeys


@dataclass(frozen=True)
class ControlConfig:
    unet: UnetConfig
    """The half that a ControlNet copies from its UNet; what concerns the way up is of no use."""
    hint_widths: tuple[int, ...]
    """Channels on the way that brings the hint to the latents' size: (hint's own, 16, 32, 96, 256)."""
    union_types: int | None = None
    """Kinds of hints that a union net tells apart; None = it is no union net."""
    union_layers: int = 0


@dataclass(frozen=True)
class _Names:
    """What a layout calls the tensors that tell sizes."""

    conv_in: str
    vector: str
    resnets: tuple[str, ...]
    """The first convolution of each level."""
    attentions: tuple[tuple[str, ...], ...]
    """Each layer of each level, where there may be an attention."""
    middle: str
    hint: tuple[str, ...]
    """Its convolutions, in order."""


def read_control_config(keys: PartKeys) -> ControlConfig:
    """Raises `model.untrained` and `model.family_unknown`."""
    names = _ldm_names(keys) if is_ldm(keys) else _diffusers_names(keys)
    depths = tuple(tuple(depth_at(keys, attention) for attention in level) for level in names.attentions)
    first = next((name for level in names.attentions for name in level if depth_at(keys, name)), None)
    widths = tuple(keys.shape(name)[0] for name in names.resnets)
    is_linear = first is None or len(keys.shape(f"{first}.proj_in.weight")) == 2
    in_channels = keys.shape(names.conv_in)[1]
    unet = UnetConfig(
        in_channels=in_channels,
        out_channels=in_channels,
        widths=widths,
        layers_per_block=len(names.attentions[0]),
        down_depths=depths,
        up_depths=tuple((0,) * (len(level) + 1) for level in names.attentions),
        middle_depth=depth_at(keys, names.middle) or None,
        context_width=1 if first is None else keys.shape(f"{first}.transformer_blocks.0.attn2.to_k.weight")[1],
        uses_linear_projection=is_linear,
        heads=head_counts(keys, widths, is_linear=is_linear),
        norm_groups=keys.number("studio.unet_norm_groups", 32),
        vector_width=(keys.find(names.vector) or (0, None))[1],
    )
    return ControlConfig(
        unet,
        hint_widths=_hint_widths(keys, names.hint),
        union_types=(keys.find("task_embedding") or (None,))[0],
        union_layers=keys.count(r"transformer_layes\.(\d+)\."),
    )


def hint_widths(keys: PartKeys) -> tuple[int, ...]:
    """Of a file with latent-diffusion names that has nothing else whole."""
    return _hint_widths(keys, _ldm_hint(keys))


def is_ldm(keys: PartKeys) -> bool:
    return "input_hint_block.0.weight" in keys


def _ldm_names(keys: PartKeys) -> _Names:
    levels = ldm_levels(keys)
    return _Names(
        conv_in="input_blocks.0.0.weight",
        vector="label_emb.0.0.weight",
        resnets=tuple(f"input_blocks.{level[0]}.0.in_layers.2.weight" for level in levels),
        attentions=tuple(tuple(f"input_blocks.{block}.1" for block in level) for level in levels),
        middle="middle_block.1",
        hint=_ldm_hint(keys),
    )


def _diffusers_names(keys: PartKeys) -> _Names:
    levels = range(keys.count(r"down_blocks\.(\d+)\."))
    layers = range(keys.count(r"down_blocks\.0\.resnets\.(\d+)\."))
    inner = [f"blocks.{index}" for index in range(keys.count(r"controlnet_cond_embedding\.blocks\.(\d+)\."))]
    return _Names(
        conv_in="conv_in.weight",
        vector="add_embedding.linear_1.weight",
        resnets=tuple(f"down_blocks.{level}.resnets.0.conv1.weight" for level in levels),
        attentions=tuple(tuple(f"down_blocks.{level}.attentions.{index}" for index in layers) for level in levels),
        middle="mid_block.attentions.0",
        hint=tuple(f"controlnet_cond_embedding.{name}.weight" for name in ("conv_in", *inner, "conv_out")),
    )


def _ldm_hint(keys: PartKeys) -> tuple[str, ...]:
    return tuple(f"input_hint_block.{index}.weight" for index in range(0, keys.count(r"input_hint_block\.(\d+)\."), 2))


def _hint_widths(keys: PartKeys, convolutions: tuple[str, ...]) -> tuple[int, ...]:
    """After the first, they come in pairs: one keeps the channels, one changes them."""
    inputs = [keys.shape(name)[1] for name in convolutions]
    return inputs[0], *inputs[1::2]

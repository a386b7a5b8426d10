"""Names and shapes of published ControlNets, derived from how their own code builds them, apart from the engine's."""

from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

from studio_engine.checkpoint.header import TensorEntry
from studio_engine.checkpoint.safetensors_file import SafetensorsHeader

Shapes = dict[str, tuple[int, ...]]


def header_of(
    shapes: Shapes, name: str = "net.safetensors", metadata: dict[str, str] | None = None
) -> SafetensorsHeader:
    entries = {key: TensorEntry("F16", shape, 0, 0) for key, shape in shapes.items()}
    return SafetensorsHeader(Path(name), 0, 0, metadata or {}, entries)


def shapes_of(module: nn.Module) -> Shapes:
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


class _Listing:
    """Writes down weights as the layers of ControlNet's own code come into being."""

    def __init__(self, time_width: int, context: int, *, linear: bool) -> None:
        self.shapes: Shapes = {}
        self._time_width, self._context, self._linear = time_width, context, linear

    def layer(self, name: str, *shape: int, bias: bool = True) -> None:
        self.shapes[f"{name}.weight"] = shape
        if bias:
            self.shapes[f"{name}.bias"] = shape[:1]

    def resnet(self, name: str, before: int, after: int) -> None:
        self.layer(f"{name}.in_layers.0", before)
        self.layer(f"{name}.in_layers.2", after, before, 3, 3)
        self.layer(f"{name}.emb_layers.1", after, self._time_width)
        self.layer(f"{name}.out_layers.0", after)
        self.layer(f"{name}.out_layers.3", after, after, 3, 3)
        if before != after:
            self.layer(f"{name}.skip_connection", after, before, 1, 1)

    def transformer(self, name: str, width: int, depth: int) -> None:
        if depth == 0:
            return
        self.layer(f"{name}.norm", width)
        for end in ("proj_in", "proj_out"):
            self.layer(f"{name}.{end}", width, width, *(() if self._linear else (1, 1)))
        for index in range(depth):
            block = f"{name}.transformer_blocks.{index}"
            for attention, read in (("attn1", width), ("attn2", self._context)):
                self.layer(f"{block}.{attention}.to_q", width, width, bias=False)
                self.layer(f"{block}.{attention}.to_k", width, read, bias=False)
                self.layer(f"{block}.{attention}.to_v", width, read, bias=False)
                self.layer(f"{block}.{attention}.to_out.0", width, width)
            self.layer(f"{block}.ff.net.0.proj", 8 * width, width)
            self.layer(f"{block}.ff.net.2", width, 4 * width)
            for norm in ("norm1", "norm2", "norm3"):
                self.layer(f"{block}.{norm}", width)

    def zero(self, name: str, width: int) -> None:
        self.layer(name, width, width, 1, 1)


def cldm_shapes(levels: tuple[tuple[int, int], ...], context: int, *, vector: int | None, linear: bool) -> Shapes:
    """`levels`: (channels, depth of its transformers), the finest first; two resnets each."""
    first, (last, deepest) = levels[0][0], levels[-1]
    listing = _Listing(4 * first, context, linear=linear)
    listing.layer("time_embed.0", 4 * first, first)
    listing.layer("time_embed.2", 4 * first, 4 * first)
    if vector is not None:
        listing.layer("label_emb.0.0", 4 * first, vector)
        listing.layer("label_emb.0.2", 4 * first, 4 * first)
    listing.layer("input_blocks.0.0", first, 4, 3, 3)
    listing.zero("zero_convs.0.0", first)
    for index, (before, after) in enumerate(pairwise((3, 16, 16, 32, 32, 96, 96, 256, first))):
        listing.layer(f"input_hint_block.{2 * index}", after, before, 3, 3)
    block, width = 1, first
    for level, (after, depth) in enumerate(levels):
        for _ in range(2):
            listing.resnet(f"input_blocks.{block}.0", width, after)
            width = after
            listing.transformer(f"input_blocks.{block}.1", width, depth)
            listing.zero(f"zero_convs.{block}.0", width)
            block += 1
        if level < len(levels) - 1:
            listing.layer(f"input_blocks.{block}.0.op", width, width, 3, 3)
            listing.zero(f"zero_convs.{block}.0", width)
            block += 1
    listing.resnet("middle_block.0", last, last)
    listing.transformer("middle_block.1", last, deepest or 1)
    listing.resnet("middle_block.2", last, last)
    listing.zero("middle_block_out.0", last)
    return listing.shapes


_LEVELS = ((320, 1), (640, 1), (1280, 1), (1280, 0))
SD1 = cldm_shapes(_LEVELS, 768, vector=None, linear=False)
SD2 = cldm_shapes(_LEVELS, 1024, vector=None, linear=True)
SDXL = cldm_shapes(((320, 0), (640, 2), (1280, 10)), 2048, vector=2816, linear=True)


def diffusers_shapes(**settings: object) -> Shapes:
    from diffusers.models.controlnets.controlnet import ControlNetModel

    with torch.device("meta"):
        return shapes_of(ControlNetModel(**settings))


SD1_DIFFUSERS: dict[str, object] = {"cross_attention_dim": 768, "attention_head_dim": 8}
SDXL_DIFFUSERS: dict[str, object] = {
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
SDXL_SMALL: dict[str, object] = {
    **SDXL_DIFFUSERS,
    "down_block_types": ("DownBlock2D", "DownBlock2D", "DownBlock2D"),
    "mid_block_type": "UNetMidBlock2D",
    "addition_embed_type": None,
    "addition_time_embed_dim": None,
    "projection_class_embeddings_input_dim": None,
}

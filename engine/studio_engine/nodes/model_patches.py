"""Nodes that change what happens inside of a model's network."""

from dataclasses import replace
from typing import Any

from studio_engine.graph.node import Node, Output, boolean, combo, integer, node, number
from studio_engine.graph.sockets import Model, NodeContext
from studio_engine.nodes.model_inputs import model_to_change, share_of_run
from studio_engine.sampling.hooks import Attention, NetworkHooks
from studio_engine.sampling.inpaint import DifferentialDiffusion as DifferentialMask
from studio_engine.sampling.unet_hooks import (
    DeepShrink,
    GrowToSkip,
    ScaledInputs,
    ScaledOutput,
    TokenMerging,
    Undone,
)
from studio_engine.sampling.unet_hooks import (
    FreeU as FreeUHook,
)
from studio_engine.sampling.unet_hooks import (
    HyperTile as HyperTileHook,
)

_CATEGORY = "model_patches/unet"
_FREELUNCH = "comfy_extras.nodes_freelunch"
_OUTPUTS = (Output("MODEL", tooltip="The changed model."),)
_METHODS = ("bicubic", "nearest-exact", "bilinear", "area", "bislerp")


def _factor(default: float, tooltip: str) -> Any:
    return number(default=default, min=0.0, max=10.0, step=0.01, tooltip=tooltip)


@node(title="FreeU", category=_CATEGORY, outputs=_OUTPUTS, module=_FREELUNCH)
class FreeU(Node):
    """Sharper pictures from UNets: deep levels count more, coarse parts of skip connections less."""

    model: Model = model_to_change()
    b1: float = _factor(1.1, "Factor on the deepest level.")
    b2: float = _factor(1.2, "Factor on the level above it.")
    s1: float = _factor(0.9, "Factor on coarse parts of the deepest level's skip connections.")
    s2: float = _factor(0.2, "Factor on coarse parts of the skip connections above it.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        hook = FreeUHook((self.b1, self.b2), (self.s1, self.s2))
        return (self.model.with_hooks(NetworkHooks(output_block=(hook,))),)


@node(title="FreeU_V2", name="FreeU_V2", category=_CATEGORY, outputs=_OUTPUTS, module=_FREELUNCH)
class FreeUV2(Node):
    """Sharper pictures from UNets, stronger where the picture has structure."""

    model: Model = model_to_change()
    b1: float = _factor(1.3, "Factor on the deepest level.")
    b2: float = _factor(1.4, "Factor on the level above it.")
    s1: float = _factor(0.9, "Factor on coarse parts of the deepest level's skip connections.")
    s2: float = _factor(0.2, "Factor on coarse parts of the skip connections above it.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        hook = FreeUHook((self.b1, self.b2), (self.s1, self.s2), is_structured=True)
        return (self.model.with_hooks(NetworkHooks(output_block=(hook,))),)


@node(title="HyperTile", category=_CATEGORY, outputs=_OUTPUTS, module="comfy_extras.nodes_hypertile")
class HyperTile(Node):
    """Large pictures faster: parts of the network look at tiles instead of the whole."""

    model: Model = model_to_change()
    tile_size: int = integer(default=256, min=1, max=2048, tooltip="Least side of a tile in pixels.")
    swap_size: int = integer(default=2, min=1, max=128, tooltip="How many sizes of tiles to vary between.")
    max_depth: int = integer(default=0, min=0, max=10, tooltip="Levels that look at tiles, from the first.")
    scale_depth: bool = boolean(default=False, tooltip="Larger tiles at deeper levels.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        hook = HyperTileHook(self.tile_size, self.swap_size, self.max_depth, self.scale_depth)
        return (_with_undone(self.model, hook),)


@node(title="TomePatchModel", category=_CATEGORY, outputs=_OUTPUTS, module="comfy_extras.nodes_tomesd")
class TomePatchModel(Node):
    """Faster drawing with less detail: similar parts of the picture are computed as one."""

    model: Model = model_to_change()
    ratio: float = number(default=0.3, min=0.0, max=1.0, step=0.01, tooltip="Share of the parts that join others.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return (_with_undone(self.model, TokenMerging(self.ratio)),)


@node(
    title="PatchModelAddDownscale (Kohya Deep Shrink)",
    category=_CATEGORY,
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_model_downscale",
)
class PatchModelAddDownscale(Node):
    """Large pictures without doubled objects: early steps see them smaller."""

    model: Model = model_to_change()
    block_number: int = integer(default=3, min=1, max=32, step=1, tooltip="Input block behind which it is smaller.")
    downscale_factor: float = number(default=2.0, min=0.1, max=9.0, step=0.001, tooltip="Both sides are divided by it.")
    start_percent: float = share_of_run(0.0, "From this share of the run.")
    end_percent: float = share_of_run(0.35, "To this share of the run.")
    downscale_after_skip: bool = boolean(default=True, tooltip="Keep the skip connection of that block at full size.")
    downscale_method: str = combo(_METHODS, tooltip="How it is made smaller.")
    upscale_method: str = combo(_METHODS, tooltip="How it is made larger again.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        shrink = DeepShrink.between(
            self.model.sampling,
            (self.start_percent, self.end_percent),
            block=self.block_number,
            scale=1.0 / self.downscale_factor,
            method=self.downscale_method,
        )
        hooks = NetworkHooks(output_block=(GrowToSkip(self.upscale_method),))
        if self.downscale_after_skip:
            return (self.model.with_hooks(replace(hooks, input_block_after_skip=(shrink,))),)
        return (self.model.with_hooks(replace(hooks, input_block=(shrink,))),)


@node(
    title="Differential Diffusion",
    category="_for_testing",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_differential_diffusion",
    is_experimental=True,
)
class DifferentialDiffusion(Node):
    """Grey parts of a mask are drawn anew later in the run than white ones, so they change less."""

    model: Model = model_to_change()
    strength: float = number(
        default=1.0, min=0.0, max=1.0, step=0.01, tooltip="Below 1 mixes with the mask as it is.", optional=True
    )

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return (self.model.with_guidance(replace(self.model.guidance, mask=DifferentialMask(self.strength))),)


@node(
    title="UNetSelfAttentionMultiply",
    category="_for_testing/attention_experiments",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_attention_multiply",
    is_experimental=True,
)
class UNetSelfAttentionMultiply(Node):
    """Scales how the picture's parts look at each other."""

    model: Model = model_to_change()
    q: float = _factor(1.0, "Factor on what is looked for.")
    k: float = _factor(1.0, "Factor on what is compared with.")
    v: float = _factor(1.0, "Factor on what is seen.")
    out: float = _factor(1.0, "Factor on what comes of it.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return (_with_scaled_attention(self.model, "attn1", inputs=ScaledInputs(self.q, self.k, self.v), out=self.out),)


@node(
    title="UNetCrossAttentionMultiply",
    category="_for_testing/attention_experiments",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_attention_multiply",
    is_experimental=True,
)
class UNetCrossAttentionMultiply(Node):
    """Scales how the picture looks at the prompt."""

    model: Model = model_to_change()
    q: float = _factor(1.0, "Factor on what is looked for.")
    k: float = _factor(1.0, "Factor on what is compared with.")
    v: float = _factor(1.0, "Factor on what is seen.")
    out: float = _factor(1.0, "Factor on what comes of it.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return (_with_scaled_attention(self.model, "attn2", inputs=ScaledInputs(self.q, self.k, self.v), out=self.out),)


def _with_undone(model: Model, hook: HyperTileHook | TokenMerging) -> Model:
    hooks = NetworkHooks(attention_input=(("attn1", hook),), attention_output=(("attn1", Undone()),))
    return model.with_hooks(hooks)


def _with_scaled_attention(model: Model, name: Attention, *, inputs: ScaledInputs, out: float) -> Model:
    hooks = NetworkHooks(attention_input=((name, inputs),), attention_output=((name, ScaledOutput(out)),))
    return model.with_hooks(hooks)

"""Nodes that guide a model by what it says when it may not look, or without some of its layers."""

import re
from dataclasses import replace

from studio_engine.graph.node import Node, Output, node, number, text
from studio_engine.graph.sockets import Model, NodeContext
from studio_engine.nodes.model_inputs import model_to_change, share_of_run
from studio_engine.sampling.attention_guidance import (
    PerturbedAttention,
    SkipLayerGuidance,
    SkipLayersOfNegative,
    SkippedLayers,
)
from studio_engine.sampling.attention_guidance import SelfAttentionGuidance as Sag
from studio_engine.sampling.hooks import Place, Side

_SLG = "comfy_extras.nodes_slg"
_OUTPUTS = (Output("MODEL", tooltip="The changed model."),)


@node(
    title="PerturbedAttentionGuidance", category="model_patches/unet", outputs=_OUTPUTS, module="comfy_extras.nodes_pag"
)
class PerturbedAttentionGuidance(Node):
    """Better structure: moves away from what the model says when it cannot see connections. One more call a step."""

    model: Model = model_to_change()
    scale: float = number(default=3.0, min=0.0, max=100.0, step=0.01, round=0.01, tooltip="Strength.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return (self.model.with_guidance(self.model.guidance.with_post_cfg(PerturbedAttention(self.scale))),)


@node(
    title="Self-Attention Guidance",
    category="_for_testing",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_sag",
    is_experimental=True,
)
class SelfAttentionGuidance(Node):
    """Better structure: moves away from a picture blurred where the model looks. One more call a step."""

    model: Model = model_to_change()
    scale: float = number(default=0.5, min=-2.0, max=5.0, step=0.01, tooltip="Strength.")
    blur_sigma: float = number(default=2.0, min=0.0, max=10.0, step=0.1, tooltip="Width of the blur in cells.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        sag = Sag(self.scale, self.blur_sigma)
        guidance = replace(self.model.guidance.with_post_cfg(sag.post_cfg), ask=sag.ask, always_asks_negative=True)
        return (self.model.with_guidance(guidance),)


@node(
    title="SkipLayerGuidanceSD3",
    category="advanced/guidance",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_sd3",
    is_experimental=True,
)
class SkipLayerGuidanceSD3(Node):
    """Better structure from Stable Diffusion 3.5: moves away from what it says without some layers."""

    model: Model = model_to_change()
    layers: str = text(default="7, 8, 9", multiline=False, tooltip="Numbers of the layers to leave out.")
    scale: float = number(default=3.0, min=0.0, max=10.0, step=0.1, tooltip="Strength.")
    start_percent: float = share_of_run(0.01, "From this share of the run.")
    end_percent: float = share_of_run(0.15, "To this share of the run.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        layers = SkippedLayers(_places("double", self.layers), self.start_percent, self.end_percent)
        return (_with_skipped(self.model, layers, scale=self.scale),)


@node(
    title="SkipLayerGuidanceDiT",
    category="advanced/guidance",
    outputs=_OUTPUTS,
    module=_SLG,
    is_experimental=True,
)
class SkipLayerGuidanceDiT(Node):
    """Better structure from transformers such as Flux: moves away from what they say without some layers."""

    model: Model = model_to_change()
    double_layers: str = text(default="7, 8, 9", multiline=False, tooltip="Double layers to leave out.")
    single_layers: str = text(default="7, 8, 9", multiline=False, tooltip="Single layers to leave out.")
    scale: float = number(default=3.0, min=0.0, max=10.0, step=0.1, tooltip="Strength.")
    start_percent: float = share_of_run(0.01, "From this share of the run.")
    end_percent: float = share_of_run(0.15, "To this share of the run.")
    rescaling_scale: float = number(
        default=0.0,
        min=0.0,
        max=10.0,
        step=0.01,
        tooltip="Share by which the result gets the positive answer's contrast.",
    )

    def run(self, ctx: NodeContext) -> tuple[Model]:
        places = _places("double", self.double_layers) + _places("single", self.single_layers)
        layers = SkippedLayers(places, self.start_percent, self.end_percent)
        return (_with_skipped(self.model, layers, scale=self.scale, rescaling=self.rescaling_scale),)


@node(
    title="SkipLayerGuidanceDiTSimple",
    category="advanced/guidance",
    outputs=_OUTPUTS,
    module=_SLG,
    is_experimental=True,
)
class SkipLayerGuidanceDiTSimple(Node):
    """Answers the negative prompt without some layers: better structure at no further calls."""

    model: Model = model_to_change()
    double_layers: str = text(default="7, 8, 9", multiline=False, tooltip="Double layers to leave out.")
    single_layers: str = text(default="7, 8, 9", multiline=False, tooltip="Single layers to leave out.")
    start_percent: float = share_of_run(0.0, "From this share of the run.")
    end_percent: float = share_of_run(1.0, "To this share of the run.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        places = _places("double", self.double_layers) + _places("single", self.single_layers)
        if not places:
            return (self.model,)
        layers = SkippedLayers(places, self.start_percent, self.end_percent)
        return (self.model.with_guidance(replace(self.model.guidance, ask=SkipLayersOfNegative(layers))),)


def _with_skipped(model: Model, layers: SkippedLayers, *, scale: float, rescaling: float = 0.0) -> Model:
    if not layers.places:
        return model
    return model.with_guidance(model.guidance.with_post_cfg(SkipLayerGuidance(layers, scale, rescaling)))


def _places(side: Side, numbers: str) -> tuple[Place, ...]:
    return tuple(Place(side, int(number)) for number in re.findall(r"\d+", numbers))

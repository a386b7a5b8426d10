"""Nodes that add what a picture shows to a prompt."""

from studio_engine.errors import EngineError
from studio_engine.graph.node import Node, Output, combo, file_combo, node, number, socket
from studio_engine.graph.sockets import Conditioning, NodeContext
from studio_engine.models.vision.encoder import VisionOutput
from studio_engine.models.vision.style import StyleModel, open_style, with_style


@node(
    title="Load Style Model",
    category="loaders",
    outputs=(Output("STYLE_MODEL", tooltip="Turns pictures into tokens of a prompt."),),
)
class StyleModelLoader(Node):
    """Loads a style model: Flux Redux, or the style adapter of Stable Diffusion 1."""

    style_model_name: str = file_combo("style_models", tooltip="The style model file.")

    def run(self, ctx: NodeContext) -> tuple[StyleModel]:
        return (open_style(ctx.models, ctx.models.find("style_model", self.style_model_name)),)


@node(
    title="Apply Style Model",
    category="conditioning/style_model",
    outputs=(Output("CONDITIONING", tooltip="The prompt with the picture."),),
)
class StyleModelApply(Node):
    """Adds what a picture shows to a prompt, as further tokens behind its words."""

    conditioning: Conditioning = socket("CONDITIONING", tooltip="The prompt.")
    style_model: StyleModel = socket("STYLE_MODEL", tooltip="The model that turns pictures into tokens.")
    clip_vision_output: VisionOutput = socket("CLIP_VISION_OUTPUT", tooltip="What a CLIP vision model says of it.")
    strength: float = number(default=1.0, min=0.0, max=10.0, step=0.001, tooltip="How strongly the picture counts.")
    strength_type: str = combo(
        ("multiply", "attn_bias"), tooltip="Scale the tokens, or (Flux, at strength 1 only) the attention to them."
    )

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        strength = self.strength if self.strength_type == "multiply" else 1.0
        # UNets read no attention mask, so there attn_bias changes nothing, as in ComfyUI.
        if strength != self.strength and self.style_model.config.tokens is None:
            raise EngineError(
                "engine.node_failed",
                "This engine cannot bias Flux's attention to a picture; choose multiply, or a strength of 1.",
            )
        return (with_style(self.conditioning, self.style_model, self.clip_vision_output, strength=strength),)

"""Nodes that tell Flux what to draw: prompts for its two encoders, and how reference pictures lie."""

from dataclasses import replace

from studio_engine.graph.node import Node, Output, combo, node, number, socket, text
from studio_engine.graph.sockets import Conditioning, NodeContext, TextEncoder


@node(
    title="CLIPTextEncodeFlux",
    category="advanced/conditioning/flux",
    outputs=(Output("CONDITIONING", tooltip="The prompt as the model reads it."),),
    module="comfy_extras.nodes_flux",
)
class CLIPTextEncodeFlux(Node):
    """Encodes a prompt for Flux, one text per encoder, with the strength of its built-in guidance."""

    clip: TextEncoder = socket("CLIP", tooltip="The text encoders of a Flux model.")
    clip_l: str = text(multiline=True, dynamic_prompts=True, tooltip="The prompt for CLIP, a few words.")
    t5xxl: str = text(multiline=True, dynamic_prompts=True, tooltip="The prompt for T5, which reads whole sentences.")
    guidance: float = number(
        default=3.5, min=0.0, max=100.0, step=0.1, tooltip="How closely to follow the prompt; schnell has no guidance."
    )

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        conds = self.clip.encode(self.clip_l, parts={"t5xxl": self.t5xxl})
        return (tuple(replace(cond, guidance=self.guidance) for cond in conds),)


@node(
    title="FluxKontextMultiReferenceLatentMethod",
    category="advanced/conditioning/flux",
    outputs=(Output("CONDITIONING", tooltip="The prompt with the method."),),
    module="comfy_extras.nodes_flux",
    is_experimental=True,
)
class FluxKontextMultiReferenceLatentMethod(Node):
    """Says where reference pictures lie beside the picture that is drawn, as the model's makers trained it."""

    conditioning: Conditioning = socket("CONDITIONING", tooltip="A prompt with reference latents.")
    reference_latents_method: str = combo(
        ("offset", "index", "uxo/uno"),
        tooltip="Side by side in one layer, each in a layer of its own, or along the diagonal.",
    )

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        method = "uxo" if self.reference_latents_method == "uxo/uno" else self.reference_latents_method
        named = {"reference_latents_method": method}
        return (tuple(replace(cond, extra={**cond.extra, **named}) for cond in self.conditioning),)

"""Nodes that give prompts what a model reads besides words: pictures to edit, and guidance."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from studio_engine.graph.node import Node, Output, boolean, node, number, socket
from studio_engine.graph.sockets import Autoencoder, Conditioning, Latent, NodeContext
from studio_engine.nodes.conditioning_edit import conditioning_input
from studio_engine.nodes.sampling import negative_input, positive_input
from studio_engine.sampling.inpaint import cropped, emptied, pixel_mask

_OUTPUTS = (Output("CONDITIONING", tooltip="The changed prompts."),)
_PAIR = (
    Output("CONDITIONING", "positive", tooltip="The positive prompt with the picture."),
    Output("CONDITIONING", "negative", tooltip="The negative prompt with the picture."),
    Output("LATENT", "latent", tooltip="The latents to draw on."),
)


def _with(conditioning: Conditioning, **changes: Any) -> Conditioning:
    return tuple(replace(cond, **changes) for cond in conditioning)


@node(title="InpaintModelConditioning", category="conditioning/inpaint", outputs=_PAIR)
class InpaintModelConditioning(Node):
    """Shows a picture and what of it to draw anew to models that were trained for it."""

    positive: Conditioning = positive_input()
    negative: Conditioning = negative_input()
    vae: Autoencoder = socket("VAE", tooltip="The autoencoder of the checkpoint.")
    pixels: Tensor = socket("IMAGE", tooltip="The picture.")
    mask: Tensor = socket("MASK", tooltip="White where the picture shall be drawn anew.")
    noise_mask: bool = boolean(
        default=True, tooltip="Keep the rest as it is; off lets the model touch up all of the picture."
    )

    def run(self, ctx: NodeContext) -> tuple[Conditioning, Conditioning, Latent]:
        pixels, mask = pixel_mask(self.pixels, self.mask)
        changes = {"concat_latent": self.vae.encode(emptied(pixels, mask)), "concat_mask": mask}
        latent = Latent(self.vae.encode(self.pixels), mask=mask if self.noise_mask else None)
        return _with(self.positive, **changes), _with(self.negative, **changes), latent


@node(
    title="InstructPixToPixConditioning",
    category="conditioning/instructpix2pix",
    outputs=_PAIR,
    module="comfy_extras.nodes_ip2p",
)
class InstructPixToPixConditioning(Node):
    """Shows a picture to models that edit by instructions."""

    positive: Conditioning = positive_input()
    negative: Conditioning = negative_input()
    vae: Autoencoder = socket("VAE", tooltip="The autoencoder of the checkpoint.")
    pixels: Tensor = socket("IMAGE", tooltip="The picture to edit.")

    def run(self, ctx: NodeContext) -> tuple[Conditioning, Conditioning, Latent]:
        shown = self.vae.encode(cropped(self.pixels))
        empty = Latent(torch.zeros_like(shown))
        return _with(self.positive, concat_latent=shown), _with(self.negative, concat_latent=shown), empty


@node(
    title="ReferenceLatent",
    category="advanced/conditioning/edit_models",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_edit_model",
)
class ReferenceLatent(Node):
    """Shows a picture to models that edit by reference. Several can follow one another."""

    conditioning: Conditioning = conditioning_input()
    latent: Latent | None = socket("LATENT", tooltip="The latents of the picture.", optional=True)

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        if self.latent is None:
            return (self.conditioning,)
        shown = self.latent.samples
        return (tuple(replace(cond, references=(*cond.references, shown)) for cond in self.conditioning),)


@node(title="FluxGuidance", category="advanced/conditioning/flux", outputs=_OUTPUTS, module="comfy_extras.nodes_flux")
class FluxGuidance(Node):
    """Says how strictly a distilled model such as Flux dev follows the prompt."""

    conditioning: Conditioning = conditioning_input()
    guidance: float = number(default=3.5, min=0.0, max=100.0, step=0.1, tooltip="Higher is stricter.")

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        return (_with(self.conditioning, guidance=self.guidance),)


@node(
    title="FluxDisableGuidance",
    category="advanced/conditioning/flux",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_flux",
)
class FluxDisableGuidance(Node):
    """Takes the guidance out of prompts."""

    conditioning: Conditioning = conditioning_input()

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        off = {"is_guidance_off": True}
        return (tuple(replace(cond, guidance=None, extra={**cond.extra, **off}) for cond in self.conditioning),)

"""Nodes that use pictures as prompts."""

from dataclasses import replace

from studio_engine.graph.node import Node, Output, file_combo, node, number, socket
from studio_engine.graph.sockets import Autoencoder, Conditioning, Model, NodeContext, TextEncoder
from studio_engine.models.families.unet.pictures import EXTRA, PictureHint, pictures_of
from studio_engine.models.vision.encoder import VisionEncoder, VisionOutput, open_vision

_OUTPUTS = (
    Output("MODEL", tooltip="Removes noise from latents."),
    Output("CLIP", tooltip="Encodes prompts."),
    Output("VAE", tooltip="Turns pictures into latents and back."),
    Output("CLIP_VISION", tooltip="Says of a picture what the model can follow."),
)


@node(title="unCLIPCheckpointLoader", category="loaders", outputs=_OUTPUTS, name="unCLIPCheckpointLoader")
class UnclipCheckpointLoader(Node):
    """Loads an unCLIP checkpoint, which holds a picture encoder too."""

    ckpt_name: str = file_combo("checkpoints", tooltip="The checkpoint file.")

    def run(self, ctx: NodeContext) -> tuple[Model, TextEncoder, Autoencoder, VisionEncoder]:
        file = ctx.models.find("checkpoint", self.ckpt_name)
        return (*ctx.models.checkpoint(self.ckpt_name), open_vision(ctx.models, file))


@node(
    name="unCLIPConditioning",
    title="unCLIPConditioning",
    category="conditioning",
    outputs=(Output("CONDITIONING", tooltip="The prompt with the picture."),),
)
class UnclipConditioning(Node):
    """Lets a picture steer the model as words do. For unCLIP checkpoints, and SDXL in place of the pooled text."""

    conditioning: Conditioning = socket("CONDITIONING", tooltip="The prompt to add the picture to.")
    clip_vision_output: VisionOutput = socket("CLIP_VISION_OUTPUT", tooltip="What a CLIP vision model says of it.")
    strength: float = number(default=1.0, min=-10.0, max=10.0, step=0.01, tooltip="How much the picture counts.")
    noise_augmentation: float = number(
        default=0.0, min=0.0, max=1.0, step=0.01, tooltip="Higher keeps less of the picture's details."
    )

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        if self.strength == 0:
            return (self.conditioning,)
        hint = PictureHint(self.clip_vision_output.image_embeds, self.strength, self.noise_augmentation)
        return (tuple(replace(c, extra={**c.extra, EXTRA: (*pictures_of(c), hint)}) for c in self.conditioning),)

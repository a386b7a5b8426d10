"""Nodes that bring models into a graph."""

from studio_engine.graph.node import Node, Output, file_combo, node, number, socket
from studio_engine.graph.sockets import Autoencoder, Model, NodeContext, TextEncoder

_MODEL = Output("MODEL", tooltip="Removes noise from latents.")
_CLIP = Output("CLIP", tooltip="Encodes prompts.")
_VAE = Output("VAE", tooltip="Turns pictures into latents and back.")


@node(title="Load Checkpoint", category="loaders", outputs=(_MODEL, _CLIP, _VAE))
class CheckpointLoaderSimple(Node):
    """Loads a checkpoint: the model that draws, the encoder that reads prompts, and the autoencoder."""

    ckpt_name: str = file_combo("checkpoints", tooltip="The checkpoint file.")

    def run(self, ctx: NodeContext) -> tuple[Model, TextEncoder, Autoencoder]:
        return ctx.models.checkpoint(self.ckpt_name)


@node(title="Load LoRA", category="loaders", outputs=(_MODEL, _CLIP))
class LoraLoader(Node):
    """Adds a LoRA to a model and its text encoder. Several can follow one another."""

    model: Model = socket("MODEL", tooltip="The model that the LoRA changes.")
    clip: TextEncoder = socket("CLIP", tooltip="The text encoder that the LoRA changes.")
    lora_name: str = file_combo("loras", tooltip="The LoRA file.")
    strength_model: float = number(
        default=1.0, min=-100.0, max=100.0, step=0.01, tooltip="How much to change the model; below 0 inverts."
    )
    strength_clip: float = number(
        default=1.0, min=-100.0, max=100.0, step=0.01, tooltip="How much to change the text encoder; below 0 inverts."
    )

    def run(self, ctx: NodeContext) -> tuple[Model, TextEncoder]:
        return ctx.models.with_lora(
            self.model,
            self.clip,
            self.lora_name,
            strength_model=self.strength_model,
            strength_clip=self.strength_clip,
        )

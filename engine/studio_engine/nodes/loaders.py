"""Nodes that bring models into a graph."""

from studio_engine.graph.node import Node, Output, file_combo, node
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

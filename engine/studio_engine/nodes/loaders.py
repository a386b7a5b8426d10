"""Nodes that bring models into a graph."""

from studio_engine.graph.node import Node, Output, combo, file_combo, node
from studio_engine.graph.sockets import Autoencoder, Model, NodeContext, TextEncoder
from studio_engine.models.open import open_network
from studio_engine.models.vae.open import open_vae

_MODEL = Output("MODEL", tooltip="Removes noise from latents.")
_CLIP = Output("CLIP", tooltip="Encodes prompts.")
_VAE = Output("VAE", tooltip="Turns pictures into latents and back.")

_WEIGHT_DTYPES = {
    "default": None,
    "fp8_e4m3fn": "float8_e4m3fn",
    "fp8_e4m3fn_fast": "float8_e4m3fn",
    "fp8_e5m2": "float8_e5m2",
}


@node(title="Load Checkpoint", category="loaders", outputs=(_MODEL, _CLIP, _VAE))
class CheckpointLoaderSimple(Node):
    """Loads a checkpoint: the model that draws, the encoder that reads prompts, and the autoencoder."""

    ckpt_name: str = file_combo("checkpoints", tooltip="The checkpoint file.")

    def run(self, ctx: NodeContext) -> tuple[Model, TextEncoder, Autoencoder]:
        return ctx.models.checkpoint(self.ckpt_name)


@node(
    title="Load Checkpoint With Config (DEPRECATED)",
    category="advanced/loaders",
    outputs=(_MODEL, _CLIP, _VAE),
    is_deprecated=True,
)
class CheckpointLoader(Node):
    """Loads a checkpoint as Load Checkpoint does: what the configuration would say is read from the weights."""

    config_name: str = file_combo("configs", tooltip="Has no effect; kept so that old workflows load.")
    ckpt_name: str = file_combo("checkpoints", tooltip="The checkpoint file.")

    def run(self, ctx: NodeContext) -> tuple[Model, TextEncoder, Autoencoder]:
        return ctx.models.checkpoint(self.ckpt_name)


@node(title="Load Diffusion Model", category="advanced/loaders", outputs=(_MODEL,))
class UNETLoader(Node):
    """Loads the model that draws from a file of its own; text encoders and autoencoder come from other loaders."""

    unet_name: str = file_combo("diffusion_models", tooltip="The file of the network alone.")
    weight_dtype: str = combo(tuple(_WEIGHT_DTYPES), tooltip="8-bit kinds need half the memory and round the weights.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        file = ctx.models.find("diffusion_model", self.unet_name)
        return (open_network(ctx.models, file, _WEIGHT_DTYPES[self.weight_dtype]),)


@node(title="Load VAE", category="loaders", outputs=(_VAE,))
class VAELoader(Node):
    """Loads an autoencoder from a file of its own, or a small approximate one (TAESD)."""

    vae_name: str = file_combo("vae", tooltip="The autoencoder file.")

    def run(self, ctx: NodeContext) -> tuple[Autoencoder]:
        return (open_vae(ctx.models, self.vae_name),)


@node(title="DiffusersLoader", category="advanced/loaders/deprecated", outputs=(_MODEL, _CLIP, _VAE))
class DiffusersLoader(Node):
    """Loads a model from a folder in `diffusers/`, with a subfolder for each of its parts."""

    model_path: str = file_combo("diffusers", tooltip="The folder that holds model_index.json.")

    def run(self, ctx: NodeContext) -> tuple[Model, TextEncoder, Autoencoder]:
        return ctx.models.pipeline(self.model_path)

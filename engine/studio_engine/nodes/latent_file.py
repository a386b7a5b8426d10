"""Nodes that read latents from files."""

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.graph.node import Node, Output, file_combo, node
from studio_engine.graph.sockets import Latent, NodeContext
from studio_engine.sampling.latent_formats import SD_LATENT

_SAMPLES = "latent_tensor"
_VERSION = "latent_format_version_0"
"""Files that lack this key hold latents multiplied by the scale of Stable Diffusion 1."""


@node(title="LoadLatent", category="_for_testing", outputs=(Output("LATENT", tooltip="The latents."),))
class LoadLatent(Node):
    """Reads latents that ComfyUI's SaveLatent wrote."""

    latent: str = file_combo("input", tooltip="The uploaded file.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        tensors = _tensors(ctx.input_file(self.latent), self.latent)
        samples = tensors[_SAMPLES].float()
        return (Latent(samples if _VERSION in tensors else samples / SD_LATENT.scale),)


def _tensors(data: bytes, name: str) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load(data)
    except SafetensorError as error:
        raise EngineError("model.file_corrupt", f"{name} is damaged or holds no latents; upload it again.") from error
    if _SAMPLES not in tensors or tensors[_SAMPLES].dim() < 4 or not tensors[_SAMPLES].numel():
        raise EngineError("model.file_corrupt", f"{name} holds no latents; upload a file that SaveLatent wrote.")
    return tensors

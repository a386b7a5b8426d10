"""Nodes that add LoRAs and their kin to models."""

from studio_engine.graph.node import Node, Output, file_combo, node, number, socket
from studio_engine.graph.sockets import Model, NodeContext, TextEncoder
from studio_engine.models.adapters.lora import adapted_model, adapted_text

_MODEL = Output("MODEL", tooltip="The model with the LoRA.")
_CLIP = Output("CLIP", tooltip="The text encoder with the LoRA.")


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
        file = ctx.models.find("lora", self.lora_name)
        return (
            adapted_model(self.model, file, self.strength_model),
            adapted_text(self.clip, file, self.strength_clip),
        )


@node(title="LoraLoaderModelOnly", category="loaders", outputs=(_MODEL,))
class LoraLoaderModelOnly(Node):
    """Adds a LoRA to a model and leaves the text encoder as it is."""

    model: Model = socket("MODEL", tooltip="The model that the LoRA changes.")
    lora_name: str = file_combo("loras", tooltip="The LoRA file.")
    strength_model: float = number(
        default=1.0, min=-100.0, max=100.0, step=0.01, tooltip="How much to change the model; below 0 inverts."
    )

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return (adapted_model(self.model, ctx.models.find("lora", self.lora_name), self.strength_model),)

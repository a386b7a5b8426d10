"""Nodes that read pictures, and let them prompt a model."""

from torch import Tensor

from studio_engine.graph.node import Node, Output, combo, file_combo, node, number, socket
from studio_engine.graph.sockets import Model, NodeContext
from studio_engine.models.adapters.image_prompt.apply import (
    ImagePromptAdapter,
    open_image_prompt,
    prompted_by_images,
)
from studio_engine.models.vision.encoder import VisionEncoder, VisionOutput, open_vision


@node(title="Load CLIP Vision", category="loaders", outputs=(Output("CLIP_VISION", tooltip="Reads pictures."),))
class CLIPVisionLoader(Node):
    """Loads a CLIP vision model, which reads pictures as a prompt's words are read."""

    clip_name: str = file_combo("clip_vision", tooltip="The CLIP vision file.")

    def run(self, ctx: NodeContext) -> tuple[VisionEncoder]:
        return (open_vision(ctx.models, ctx.models.find("clip_vision", self.clip_name)),)


@node(
    title="CLIP Vision Encode",
    category="conditioning",
    outputs=(Output("CLIP_VISION_OUTPUT", tooltip="What the pictures show, in numbers."),),
)
class CLIPVisionEncode(Node):
    """Reads pictures with a CLIP vision model."""

    clip_vision: VisionEncoder = socket("CLIP_VISION", tooltip="The model that reads.")
    image: Tensor = socket("IMAGE", tooltip="The pictures to read.")
    crop: str = combo(("center", "none"), tooltip="Read the middle square, or squeeze the whole picture into one.")

    def run(self, ctx: NodeContext) -> tuple[VisionOutput]:
        return (self.clip_vision.encode(self.image, crops=self.crop == "center"),)


@node(
    title="Load IP-Adapter",
    category="loaders",
    outputs=(Output("IPADAPTER", tooltip="Lets pictures prompt a model."),),
)
class IPAdapterLoader(Node):
    """Loads an IP-Adapter, plain or plus, which lets pictures prompt a model beside words."""

    ipadapter_name: str = file_combo("ipadapter", tooltip="The IP-Adapter file.")

    def run(self, ctx: NodeContext) -> tuple[ImagePromptAdapter]:
        return (open_image_prompt(ctx.models, ctx.models.find("ip_adapter", self.ipadapter_name)),)


@node(
    title="Apply IP-Adapter",
    category="conditioning",
    outputs=(Output("MODEL", tooltip="The model that also follows the pictures."),),
)
class IPAdapterApply(Node):
    """Lets pictures prompt a model beside words: their content and style. Several can follow one another."""

    model: Model = socket("MODEL", tooltip="The model that shall follow the pictures.")
    ipadapter: ImagePromptAdapter = socket("IPADAPTER", tooltip="The IP-Adapter of the model's family.")
    clip_vision: VisionEncoder = socket("CLIP_VISION", tooltip="The model that the adapter reads pictures with.")
    image: Tensor = socket("IMAGE", tooltip="The pictures to follow; of each, the middle square is read.")
    weight: float = number(default=1.0, min=-1.0, max=5.0, step=0.05, tooltip="How strongly the pictures count.")
    start_at: float = number(
        default=0.0, min=0.0, max=1.0, step=0.001, tooltip="From which share of the steps on they count."
    )
    end_at: float = number(
        default=1.0, min=0.0, max=1.0, step=0.001, tooltip="Up to which share of the steps they count."
    )

    def run(self, ctx: NodeContext) -> tuple[Model]:
        tokens = self.ipadapter.tokens(self.clip_vision, self.image)
        share = (self.start_at, self.end_at)
        return (prompted_by_images(self.model, self.ipadapter, tokens, weight=self.weight, share=share),)

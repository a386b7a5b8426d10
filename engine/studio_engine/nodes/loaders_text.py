"""Nodes that load text encoders from files of their own, and that set how prompts are read."""

from studio_engine.graph.node import Node, Output, combo, file_combo, integer, node, socket
from studio_engine.graph.sockets import NodeContext, TextEncoder
from studio_engine.models.text.open import open_text

_CLIP = Output("CLIP", tooltip="Encodes prompts.")
_TYPES = (
    *("stable_diffusion", "stable_cascade", "sd3", "stable_audio", "mochi", "ltxv", "pixart", "cosmos", "lumina2"),
    *("wan", "hidream", "chroma", "ace", "omnigen2", "qwen_image", "hunyuan_image"),
)
_PAIR_TYPES = ("sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image")
_DEVICES = ("default", "cpu")
_FILE = "A text encoder file."
_DEVICE = "Where to compute; the engine decides by itself which device has room."


def _opened(ctx: NodeContext, clip_type: str, *names: str) -> TextEncoder:
    return open_text(ctx.models, [ctx.models.find("text_encoder", name) for name in names], clip_type)


@node(title="Load CLIP", category="advanced/loaders", outputs=(_CLIP,))
class CLIPLoader(Node):
    """Loads one text encoder: CLIP-L for SD 1.x, CLIP-H for SD 2.x, CLIP-G for the SDXL refiner, any of SD3's."""

    clip_name: str = file_combo("text_encoders", tooltip=_FILE)
    type: str = combo(_TYPES, tooltip="The kind of model that will read the prompts.")
    device: str = combo(_DEVICES, optional=True, advanced=True, tooltip=_DEVICE)

    def run(self, ctx: NodeContext) -> tuple[TextEncoder]:
        return (_opened(ctx, self.type, self.clip_name),)


@node(title="DualCLIPLoader", category="advanced/loaders", outputs=(_CLIP,))
class DualCLIPLoader(Node):
    """Loads two text encoders, in any order: CLIP-L and CLIP-G for SDXL, CLIP-L and T5 XXL for Flux, two of SD3's."""

    clip_name1: str = file_combo("text_encoders", tooltip=_FILE)
    clip_name2: str = file_combo("text_encoders", tooltip="The other text encoder file.")
    type: str = combo(_PAIR_TYPES, tooltip="The kind of model that will read the prompts.")
    device: str = combo(_DEVICES, optional=True, advanced=True, tooltip=_DEVICE)

    def run(self, ctx: NodeContext) -> tuple[TextEncoder]:
        return (_opened(ctx, self.type, self.clip_name1, self.clip_name2),)


@node(title="TripleCLIPLoader", category="advanced/loaders", outputs=(_CLIP,), module="comfy_extras.nodes_sd3")
class TripleCLIPLoader(Node):
    """Loads the three text encoders of SD3, in any order: CLIP-L, CLIP-G and T5 XXL."""

    clip_name1: str = file_combo("text_encoders", tooltip=_FILE)
    clip_name2: str = file_combo("text_encoders", tooltip="Another text encoder file.")
    clip_name3: str = file_combo("text_encoders", tooltip="The third text encoder file.")

    def run(self, ctx: NodeContext) -> tuple[TextEncoder]:
        return (_opened(ctx, "sd3", self.clip_name1, self.clip_name2, self.clip_name3),)


@node(title="CLIP Set Last Layer", category="conditioning", outputs=(_CLIP,))
class CLIPSetLastLayer(Node):
    """Clip skip: reads prompts at an inner layer of the text encoder, as some models were trained to."""

    clip: TextEncoder = socket("CLIP", tooltip="The text encoder.")
    stop_at_clip_layer: int = integer(
        default=-1, min=-24, max=-1, step=1, tooltip="-1 is the last layer, -2 the one before it."
    )

    def run(self, ctx: NodeContext) -> tuple[TextEncoder]:
        return (self.clip.with_layer(self.stop_at_clip_layer),)


@node(
    title="T5TokenizerOptions",
    category="_for_testing/conditioning",
    outputs=(_CLIP,),
    module="comfy_extras.nodes_cond",
    is_experimental=True,
)
class T5TokenizerOptions(Node):
    """Sets how T5's prompts are filled up; at 0 they stay as long as they are."""

    clip: TextEncoder = socket("CLIP", tooltip="A text encoder with T5.")
    min_padding: int = integer(default=0, min=0, max=10000, step=1, tooltip="Padding that each prompt gets.")
    min_length: int = integer(default=0, min=0, max=10000, step=1, tooltip="Tokens that each prompt has at least.")

    def run(self, ctx: NodeContext) -> tuple[TextEncoder]:
        return (self.clip.with_t5_padding(self.min_padding, self.min_length),)

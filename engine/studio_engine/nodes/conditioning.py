"""Nodes that turn words into what a model can follow."""

from studio_engine.graph.node import Node, Output, node, socket, text
from studio_engine.graph.sockets import Conditioning, NodeContext, TextEncoder


@node(
    title="CLIP Text Encode (Prompt)",
    category="conditioning",
    outputs=(Output("CONDITIONING", tooltip="The prompt as the model reads it."),),
)
class CLIPTextEncode(Node):
    """Encodes a prompt. `(word)` weighs more, `(word:1.2)` sets the weight, `\\(` is a plain parenthesis."""

    text: str = text(multiline=True, dynamic_prompts=True, tooltip="What the picture shall, or shall not, show.")
    clip: TextEncoder = socket("CLIP", tooltip="The text encoder of the checkpoint.")

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        return (self.clip.encode(self.text),)

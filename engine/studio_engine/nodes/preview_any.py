"""Shows any value as text."""

import json

import torch

from studio_engine.graph.node import Node, Result, node, socket
from studio_engine.graph.sockets import NodeContext

_MAX_CHARS = 100_000


@node(title="Preview Any", category="utils", module="comfy_extras.nodes_preview_any", is_output=True)
class PreviewAny(Node):
    """Shows what comes in as text with the job: numbers and words as they are, everything else as a summary."""

    source: object = socket("*", tooltip="What to look at.")

    def run(self, ctx: NodeContext) -> Result:
        return Result((), {"text": [_as_text(self.source)[:_MAX_CHARS]]})


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, torch.Tensor):
        # Torch leaves out the middle of large tensors; this is how it describes one.
        return f"{tuple(value.shape)} {value.dtype}\n{value}"
    try:
        return json.dumps(value, indent=4, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)

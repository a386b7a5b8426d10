"""Nodes that give one value, to set it in one place and use it in several."""

import sys

from studio_engine.graph.node import Node, Output, boolean, integer, node, number, text
from studio_engine.graph.sockets import NodeContext

_MODULE = "comfy_extras.nodes_primitive"
_CATEGORY = "utils/primitive"


@node(title="String", category=_CATEGORY, module=_MODULE, outputs=(Output("STRING", tooltip="The text."),))
class PrimitiveString(Node):
    """Gives a line of text."""

    value: str = text(multiline=False, tooltip="The text to give.")

    def run(self, ctx: NodeContext) -> tuple[str]:
        return (self.value,)


@node(title="String (Multiline)", category=_CATEGORY, module=_MODULE, outputs=(Output("STRING", tooltip="The text."),))
class PrimitiveStringMultiline(Node):
    """Gives a text of several lines."""

    value: str = text(multiline=True, tooltip="The text to give.")

    def run(self, ctx: NodeContext) -> tuple[str]:
        return (self.value,)


@node(title="Int", category=_CATEGORY, module=_MODULE, outputs=(Output("INT", tooltip="The number."),))
class PrimitiveInt(Node):
    """Gives a whole number."""

    value: int = integer(
        min=-sys.maxsize, max=sys.maxsize, control_after_generate=True, tooltip="The whole number to give."
    )

    def run(self, ctx: NodeContext) -> tuple[int]:
        return (self.value,)


@node(title="Float", category=_CATEGORY, module=_MODULE, outputs=(Output("FLOAT", tooltip="The number."),))
class PrimitiveFloat(Node):
    """Gives a number."""

    value: float = number(min=-sys.maxsize, max=sys.maxsize, tooltip="The number to give.")

    def run(self, ctx: NodeContext) -> tuple[float]:
        return (self.value,)


@node(title="Boolean", category=_CATEGORY, module=_MODULE, outputs=(Output("BOOLEAN", tooltip="Yes or no."),))
class PrimitiveBoolean(Node):
    """Gives yes or no."""

    value: bool = boolean(tooltip="Yes or no.")

    def run(self, ctx: NodeContext) -> tuple[bool]:
        return (self.value,)

"""Nodes for hypernetworks."""

from studio_engine.graph.node import Node, Output, file_combo, node, number, socket
from studio_engine.graph.sockets import Model, NodeContext
from studio_engine.models.adapters.hypernetwork import with_hypernetwork


@node(
    title="HypernetworkLoader",
    category="loaders",
    outputs=(Output("MODEL", tooltip="The model with the hypernetwork."),),
    module="comfy_extras.nodes_hypernetwork",
)
class HypernetworkLoader(Node):
    """Adds a hypernetwork to a model: small networks that change what its attention reads."""

    model: Model = socket("MODEL", tooltip="The model that the hypernetwork changes.")
    hypernetwork_name: str = file_combo("hypernetworks", tooltip="The hypernetwork file.")
    strength: float = number(
        default=1.0, min=-10.0, max=10.0, step=0.01, tooltip="How much to change the model; below 0 inverts."
    )

    def run(self, ctx: NodeContext) -> tuple[Model]:
        file = ctx.models.find("hypernetwork", self.hypernetwork_name)
        return (with_hypernetwork(ctx.models, self.model, file, strength=self.strength),)

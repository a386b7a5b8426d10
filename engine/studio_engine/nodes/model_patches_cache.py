"""Nodes that spare calls of a model while little changes."""

from typing import Any

from studio_engine.graph.node import Node, Output, boolean, node, number
from studio_engine.graph.sockets import Model, NodeContext
from studio_engine.nodes.model_inputs import model_to_change, share_of_run
from studio_engine.sampling import step_reuse

_CATEGORY = "advanced/debug/model"
_MODULE = "comfy_extras.nodes_easycache"
_OUTPUTS = (Output("MODEL", tooltip="The faster model."),)


def _threshold() -> Any:
    return number(default=0.2, min=0.0, max=3.0, step=0.01, tooltip="Higher is faster and less exact.")


def _verbose() -> Any:
    return boolean(default=False, tooltip="Tell the engine's log of every call that is spared.")


@node(title="EasyCache", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE, is_experimental=True)
class EasyCache(Node):
    """Faster drawing: reuses the network's answers while they change little from step to step."""

    model: Model = model_to_change()
    reuse_threshold: float = _threshold()
    start_percent: float = share_of_run(0.15, "From this share of the run.", step=0.01)
    end_percent: float = share_of_run(0.95, "To this share of the run.", step=0.01)
    verbose: bool = _verbose()

    def run(self, ctx: NodeContext) -> tuple[Model]:
        patch = step_reuse.EasyCache(_reuse(self))
        return (self.model.with_guidance(self.model.guidance.with_run(patch)),)


@node(title="LazyCache", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE, is_experimental=True)
class LazyCache(Node):
    """Faster drawing: reuses whole steps while they change little. Works with every model; EasyCache is finer."""

    model: Model = model_to_change()
    reuse_threshold: float = _threshold()
    start_percent: float = share_of_run(0.15, "From this share of the run.", step=0.01)
    end_percent: float = share_of_run(0.95, "To this share of the run.", step=0.01)
    verbose: bool = _verbose()

    def run(self, ctx: NodeContext) -> tuple[Model]:
        patch = step_reuse.LazyCache(_reuse(self))
        return (self.model.with_guidance(self.model.guidance.with_run(patch)),)


def _reuse(node: EasyCache | LazyCache) -> step_reuse.Reuse:
    return step_reuse.Reuse(node.reuse_threshold, node.start_percent, node.end_percent, node.verbose)

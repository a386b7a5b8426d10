"""Nodes that mix the weights of two models or text encoders."""

from typing import Any

from studio_engine.graph.node import Node, Output, node, number, socket
from studio_engine.graph.sockets import Model, NodeContext, TextEncoder
from studio_engine.models.merge import Shares, merged_models, merged_texts

_CATEGORY = "advanced/model_merging"
_MODULE = "comfy_extras.nodes_model_merging"
_MODEL = (Output("MODEL", tooltip="The first model with the merged weights."),)
_CLIP = (Output("CLIP", tooltip="The first text encoder with the merged weights."),)


def to_change(kind: str = "MODEL") -> Any:
    return socket(kind, tooltip="What is changed; all but its weights stays as it is.")


def to_mix_in(kind: str = "MODEL") -> Any:
    return socket(kind, tooltip="Whose weights are mixed in; of the same family.")


def share(tooltip: str = "1 is all of the first, 0 all of the second.") -> Any:
    return number(default=1.0, min=0.0, max=1.0, step=0.01, tooltip=tooltip)


def _multiplier() -> Any:
    return number(default=1.0, min=-10.0, max=10.0, step=0.01, tooltip="What the difference is multiplied by.")


def blend(share: float) -> Shares:
    return share, 1.0 - share


@node(title="ModelMergeSimple", category=_CATEGORY, outputs=_MODEL, module=_MODULE)
class ModelMergeSimple(Node):
    """Mixes two models evenly over all of their weights."""

    model1: Model = to_change()
    model2: Model = to_mix_in()
    ratio: float = share()

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return (merged_models(self.model1, self.model2, blend(self.ratio)),)


@node(title="ModelMergeBlocks", category=_CATEGORY, outputs=_MODEL, module=_MODULE)
class ModelMergeBlocks(Node):
    """Mixes two UNets with a ratio for the way down, the middle and the way up."""

    model1: Model = to_change()
    model2: Model = to_mix_in()
    input: float = share("Share of the first model on the way down, and in what belongs to no block.")
    middle: float = share("Share of the first model in the middle.")
    out: float = share("Share of the first model on the way up.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        shares = {"input": blend(self.input), "middle": blend(self.middle), "out": blend(self.out)}
        return (merged_models(self.model1, self.model2, blend(self.input), by_prefix=shares),)


@node(title="ModelMergeAdd", category=_CATEGORY, outputs=_MODEL, module=_MODULE)
class ModelMergeAdd(Node):
    """Adds the weights of the second model, as a difference made by ModelMergeSubtract."""

    model1: Model = to_change()
    model2: Model = to_mix_in()

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return (merged_models(self.model1, self.model2, (1.0, 1.0)),)


@node(title="ModelMergeSubtract", category=_CATEGORY, outputs=_MODEL, module=_MODULE)
class ModelMergeSubtract(Node):
    """Makes the difference of two models, times a number: not a model to draw with, but one to add to another."""

    model1: Model = to_change()
    model2: Model = to_mix_in()
    multiplier: float = _multiplier()

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return (merged_models(self.model1, self.model2, (self.multiplier, -self.multiplier)),)


@node(title="CLIPMergeSimple", category=_CATEGORY, outputs=_CLIP, module=_MODULE)
class CLIPMergeSimple(Node):
    """Mixes two text encoders evenly over all of their weights."""

    clip1: TextEncoder = to_change("CLIP")
    clip2: TextEncoder = to_mix_in("CLIP")
    ratio: float = share()

    def run(self, ctx: NodeContext) -> tuple[TextEncoder]:
        return (merged_texts(self.clip1, self.clip2, blend(self.ratio)),)


@node(title="CLIPMergeAdd", category=_CATEGORY, outputs=_CLIP, module=_MODULE)
class CLIPMergeAdd(Node):
    """Adds the weights of the second text encoder, as a difference made by CLIPMergeSubtract."""

    clip1: TextEncoder = to_change("CLIP")
    clip2: TextEncoder = to_mix_in("CLIP")

    def run(self, ctx: NodeContext) -> tuple[TextEncoder]:
        return (merged_texts(self.clip1, self.clip2, (1.0, 1.0)),)


@node(title="CLIPMergeSubtract", category=_CATEGORY, outputs=_CLIP, module=_MODULE)
class CLIPMergeSubtract(Node):
    """Makes the difference of two text encoders, times a number, to be added to another."""

    clip1: TextEncoder = to_change("CLIP")
    clip2: TextEncoder = to_mix_in("CLIP")
    multiplier: float = _multiplier()

    def run(self, ctx: NodeContext) -> tuple[TextEncoder]:
        return (merged_texts(self.clip1, self.clip2, (self.multiplier, -self.multiplier)),)

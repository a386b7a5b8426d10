"""Nodes that set everything about prompts at once, single or in pairs, hooks included."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from studio_engine.graph.node import Node, Output, combo, node, number, socket
from studio_engine.graph.sockets import Conditioning, NodeContext
from studio_engine.nodes.conditioning_edit import conditioning_input
from studio_engine.nodes.hooks import MODULE, Hooks, hooks_input

Times = tuple[float, float]
_SINGLE = "advanced/hooks/cond single"
_PAIR = "advanced/hooks/cond pair"
_ONE = (Output("CONDITIONING", tooltip="The changed prompts."),)
_TWO = (
    Output("CONDITIONING", "positive", tooltip="The positive prompts."),
    Output("CONDITIONING", "negative", tooltip="The negative prompts."),
)


def _strength() -> Any:
    return number(default=1.0, min=0.0, max=10.0, step=0.01, tooltip="How much the prompts count under the mask.")


def _area() -> Any:
    return combo(("default", "mask bounds"), tooltip="Mask bounds computes only the rectangle around the mask: faster.")


def _mask() -> Any:
    return socket("MASK", tooltip="Where the prompts count.", optional=True)


def _hooks() -> Any:
    return hooks_input("Changes of the model that hold for these prompts.")


def _times() -> Any:
    return socket("TIMESTEPS_RANGE", tooltip="When the prompts count.", optional=True)


@node(title="Cond Set Props", category=_SINGLE, outputs=_ONE, module=MODULE, is_experimental=True)
class ConditioningSetProperties(Node):
    """Sets mask, hooks and times of prompts."""

    cond_NEW: Conditioning = conditioning_input()  # noqa: N815
    strength: float = _strength()
    set_cond_area: str = _area()
    mask: Tensor | None = _mask()
    hooks: Hooks | None = _hooks()
    timesteps: Times | None = _times()

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        return (_changed(self.cond_NEW, self),)


@node(title="Cond Set Props Combine", category=_SINGLE, outputs=_ONE, module=MODULE, is_experimental=True)
class ConditioningSetPropertiesAndCombine(Node):
    """Sets mask, hooks and times of prompts, and adds them to others."""

    cond: Conditioning = conditioning_input("The prompts to add to.")
    cond_NEW: Conditioning = conditioning_input("The prompts to change and add.")  # noqa: N815
    strength: float = _strength()
    set_cond_area: str = _area()
    mask: Tensor | None = _mask()
    hooks: Hooks | None = _hooks()
    timesteps: Times | None = _times()

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        return (self.cond + _changed(self.cond_NEW, self),)


@node(title="Cond Set Default Combine", category=_SINGLE, outputs=_ONE, module=MODULE, is_experimental=True)
class ConditioningSetDefaultCombine(Node):
    """Adds prompts that count only where no other does."""

    cond: Conditioning = conditioning_input("The prompts to add to.")
    cond_DEFAULT: Conditioning = conditioning_input("The prompts that count elsewhere.")  # noqa: N815
    hooks: Hooks | None = _hooks()

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        return (self.cond + _default(self.cond_DEFAULT, self.hooks),)


@node(title="Cond Pair Combine", category=_PAIR, outputs=_TWO, module=MODULE, is_experimental=True)
class PairConditioningCombine(Node):
    """Adds two pairs of prompts."""

    positive_A: Conditioning = conditioning_input("Positive prompts.")  # noqa: N815
    negative_A: Conditioning = conditioning_input("Negative prompts.")  # noqa: N815
    positive_B: Conditioning = conditioning_input("More positive prompts.")  # noqa: N815
    negative_B: Conditioning = conditioning_input("More negative prompts.")  # noqa: N815

    def run(self, ctx: NodeContext) -> tuple[Conditioning, Conditioning]:
        return self.positive_A + self.positive_B, self.negative_A + self.negative_B


@node(title="Cond Pair Set Props", category=_PAIR, outputs=_TWO, module=MODULE, is_experimental=True)
class PairConditioningSetProperties(Node):
    """Sets mask, hooks and times of a pair of prompts."""

    positive_NEW: Conditioning = conditioning_input("The positive prompts to change.")  # noqa: N815
    negative_NEW: Conditioning = conditioning_input("The negative prompts to change.")  # noqa: N815
    strength: float = _strength()
    set_cond_area: str = _area()
    mask: Tensor | None = _mask()
    hooks: Hooks | None = _hooks()
    timesteps: Times | None = _times()

    def run(self, ctx: NodeContext) -> tuple[Conditioning, Conditioning]:
        return _changed(self.positive_NEW, self), _changed(self.negative_NEW, self)


@node(title="Cond Pair Set Props Combine", category=_PAIR, outputs=_TWO, module=MODULE, is_experimental=True)
class PairConditioningSetPropertiesAndCombine(Node):
    """Sets mask, hooks and times of a pair of prompts, and adds them to another pair."""

    positive: Conditioning = conditioning_input("The positive prompts to add to.")
    negative: Conditioning = conditioning_input("The negative prompts to add to.")
    positive_NEW: Conditioning = conditioning_input("The positive prompts to change and add.")  # noqa: N815
    negative_NEW: Conditioning = conditioning_input("The negative prompts to change and add.")  # noqa: N815
    strength: float = _strength()
    set_cond_area: str = _area()
    mask: Tensor | None = _mask()
    hooks: Hooks | None = _hooks()
    timesteps: Times | None = _times()

    def run(self, ctx: NodeContext) -> tuple[Conditioning, Conditioning]:
        return self.positive + _changed(self.positive_NEW, self), self.negative + _changed(self.negative_NEW, self)


@node(title="Cond Pair Set Default Combine", category=_PAIR, outputs=_TWO, module=MODULE, is_experimental=True)
class PairConditioningSetDefaultCombine(Node):
    """Adds a pair of prompts that count only where no other does."""

    positive: Conditioning = conditioning_input("The positive prompts to add to.")
    negative: Conditioning = conditioning_input("The negative prompts to add to.")
    positive_DEFAULT: Conditioning = conditioning_input("The positive prompts that count elsewhere.")  # noqa: N815
    negative_DEFAULT: Conditioning = conditioning_input("The negative prompts that count elsewhere.")  # noqa: N815
    hooks: Hooks | None = _hooks()

    def run(self, ctx: NodeContext) -> tuple[Conditioning, Conditioning]:
        positive, negative = (_default(each, self.hooks) for each in (self.positive_DEFAULT, self.negative_DEFAULT))
        return self.positive + positive, self.negative + negative


@node(
    title="Timesteps Range",
    category="advanced/hooks",
    outputs=(
        Output("TIMESTEPS_RANGE", tooltip="This part of the run."),
        Output("TIMESTEPS_RANGE", "BEFORE_RANGE", tooltip="The run before it."),
        Output("TIMESTEPS_RANGE", "AFTER_RANGE", tooltip="The run after it."),
    ),
    module=MODULE,
    is_experimental=True,
)
class ConditioningTimestepsRange(Node):
    """A part of the run, and the parts before and after it."""

    start_percent: float = number(default=0.0, min=0.0, max=1.0, step=0.001, tooltip="Its start; 0 = the first step.")
    end_percent: float = number(default=1.0, min=0.0, max=1.0, step=0.001, tooltip="Its end; 1 = the last step.")

    def run(self, ctx: NodeContext) -> tuple[Times, Times, Times]:
        start, end = self.start_percent, self.end_percent
        return (start, end), (0.0, start), (end, 1.0)


_Setting = (
    ConditioningSetProperties
    | ConditioningSetPropertiesAndCombine
    | PairConditioningSetProperties
    | PairConditioningSetPropertiesAndCombine
)


def _changed(conditioning: Conditioning, node: _Setting) -> Conditioning:
    changes: dict[str, Any] = {}
    if node.mask is not None:
        mask = node.mask if node.mask.dim() > 2 else node.mask[None]
        changes = {"mask": mask, "mask_strength": node.strength, "is_area_of_mask": node.set_cond_area != "default"}
    if node.timesteps is not None:
        changes |= {"start_percent": node.timesteps[0], "end_percent": node.timesteps[1]}
    hooks = node.hooks or ()
    return tuple(replace(cond, hooks=cond.hooks + hooks, **changes) for cond in conditioning)


def _default(conditioning: Conditioning, hooks: Hooks | None) -> Conditioning:
    return tuple(replace(cond, hooks=cond.hooks + (hooks or ()), is_default=True) for cond in conditioning)

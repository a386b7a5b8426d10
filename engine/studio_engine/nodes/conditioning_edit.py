"""Nodes that join prompts, and say where, when and how strongly each counts."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from studio_engine.graph.node import Node, Output, combo, integer, node, number, socket
from studio_engine.graph.sockets import Conditioning, NodeContext
from studio_engine.sampling.conditioning import Area
from studio_engine.sampling.prompt_mixing import averaged, concatenated, without_words

_OUTPUTS = (Output("CONDITIONING", tooltip="The changed prompts."),)
_PIXELS_PER_CELL = 8


def conditioning_input(tooltip: str = "The prompts to change.") -> Any:
    return socket("CONDITIONING", tooltip=tooltip)


def _strength() -> Any:
    return number(default=1.0, min=0.0, max=10.0, step=0.01, tooltip="How much these prompts count beside others.")


def _pixels(default: int, least: int, tooltip: str) -> Any:
    return integer(default=default, min=least, max=16384, step=8, tooltip=tooltip)


def _share(default: float, tooltip: str) -> Any:
    return number(default=default, min=0, max=1.0, step=0.01, tooltip=tooltip)


@node(title="Conditioning (Combine)", category="conditioning", outputs=_OUTPUTS)
class ConditioningCombine(Node):
    """Both prompts at once: the model answers each, and the answers are averaged."""

    conditioning_1: Conditioning = conditioning_input("The first prompts.")
    conditioning_2: Conditioning = conditioning_input("The prompts to add.")

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        return (self.conditioning_1 + self.conditioning_2,)


@node(title="Conditioning (Concat)", category="conditioning", outputs=_OUTPUTS)
class ConditioningConcat(Node):
    """One longer prompt: the second one's tokens are put after the first's."""

    conditioning_to: Conditioning = conditioning_input("The prompts to make longer.")
    conditioning_from: Conditioning = conditioning_input("The prompt to put after them; only its first entry is used.")

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        return (concatenated(self.conditioning_to, self.conditioning_from),)


@node(title="ConditioningAverage", category="conditioning", outputs=_OUTPUTS)
class ConditioningAverage(Node):
    """A prompt between two: their tokens are mixed."""

    conditioning_to: Conditioning = conditioning_input("The prompts at strength 1.")
    conditioning_from: Conditioning = conditioning_input("The prompt at strength 0; only its first entry is used.")
    conditioning_to_strength: float = number(
        default=1.0, min=0.0, max=1.0, step=0.01, tooltip="Share of the first prompts."
    )

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        return (averaged(self.conditioning_to, self.conditioning_from, self.conditioning_to_strength),)


@node(title="Conditioning (Set Area)", category="conditioning", outputs=_OUTPUTS)
class ConditioningSetArea(Node):
    """Lets prompts count in a rectangle only."""

    conditioning: Conditioning = conditioning_input()
    width: int = _pixels(64, 64, "Width of the rectangle in pixels.")
    height: int = _pixels(64, 64, "Height of the rectangle in pixels.")
    x: int = _pixels(0, 0, "Pixels from the left.")
    y: int = _pixels(0, 0, "Pixels from the top.")
    strength: float = _strength()

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        height, width, y, x = (each // _PIXELS_PER_CELL for each in (self.height, self.width, self.y, self.x))
        area = Area(height, width, y, x)
        return (_changed(self.conditioning, area=area, strength=self.strength, is_area_of_mask=False),)


@node(title="Conditioning (Set Area with Percentage)", category="conditioning", outputs=_OUTPUTS)
class ConditioningSetAreaPercentage(Node):
    """Lets prompts count in a rectangle only, given in shares of the picture."""

    conditioning: Conditioning = conditioning_input()
    width: float = _share(1.0, "Width of the rectangle; 1 = the whole picture.")
    height: float = _share(1.0, "Height of the rectangle; 1 = the whole picture.")
    x: float = _share(0, "Share of the picture left of it.")
    y: float = _share(0, "Share of the picture above it.")
    strength: float = _strength()

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        area = Area(self.height, self.width, self.y, self.x, is_share=True)
        return (_changed(self.conditioning, area=area, strength=self.strength, is_area_of_mask=False),)


@node(title="ConditioningSetAreaStrength", category="conditioning", outputs=_OUTPUTS)
class ConditioningSetAreaStrength(Node):
    """Says how much prompts count beside others."""

    conditioning: Conditioning = conditioning_input()
    strength: float = _strength()

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        return (_changed(self.conditioning, strength=self.strength),)


@node(title="Conditioning (Set Mask)", category="conditioning", outputs=_OUTPUTS)
class ConditioningSetMask(Node):
    """Lets prompts count where a mask is white."""

    conditioning: Conditioning = conditioning_input()
    mask: Tensor = socket("MASK", tooltip="Where the prompts count.")
    strength: float = _strength()
    set_cond_area: str = combo(
        ("default", "mask bounds"), tooltip="Mask bounds computes only the rectangle around the mask: faster."
    )

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        mask = self.mask if self.mask.dim() > 2 else self.mask[None]
        is_bounded = self.set_cond_area != "default"
        changed = _changed(self.conditioning, mask=mask, mask_strength=self.strength, is_area_of_mask=is_bounded)
        return (changed,)


@node(title="ConditioningSetTimestepRange", category="advanced/conditioning", outputs=_OUTPUTS)
class ConditioningSetTimestepRange(Node):
    """Lets prompts count in a part of the run only."""

    conditioning: Conditioning = conditioning_input()
    start: float = number(default=0.0, min=0.0, max=1.0, step=0.001, tooltip="0 = from the first step.")
    end: float = number(default=1.0, min=0.0, max=1.0, step=0.001, tooltip="1 = to the last step.")

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        return (_changed(self.conditioning, start_percent=self.start, end_percent=self.end),)


@node(title="ConditioningZeroOut", category="advanced/conditioning", outputs=_OUTPUTS)
class ConditioningZeroOut(Node):
    """Replaces a prompt by zeros, as a negative prompt for models that were trained so."""

    conditioning: Conditioning = conditioning_input()

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        return (without_words(self.conditioning),)


def _changed(conditioning: Conditioning, **changes: Any) -> Conditioning:
    return tuple(replace(cond, **changes) for cond in conditioning)

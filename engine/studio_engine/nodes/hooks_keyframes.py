"""Nodes that give hooks strengths which follow the run."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from studio_engine.graph.node import Node, Output, boolean, combo, integer, node, number, socket
from studio_engine.graph.sockets import NodeContext
from studio_engine.nodes.hooks import MODULE, Hooks
from studio_engine.sampling.prompt_hooks import Keyframe

Keyframes = tuple[Keyframe, ...]

_HOOKS = (Output("HOOKS", tooltip="The hooks."),)
_KEYFRAMES = (Output("HOOK_KEYFRAMES", "HOOK_KF", tooltip="Strengths over the run."),)


def _percent(default: float, tooltip: str) -> Any:
    return number(default=default, min=0.0, max=1.0, step=0.001, tooltip=tooltip)


def _factor(default: float, tooltip: str) -> Any:
    return number(default=default, min=0.0, max=10.0, step=0.001, tooltip=tooltip)


def _before() -> Any:
    return socket("HOOK_KEYFRAMES", tooltip="The keyframes to add to.", optional=True)


@node(
    title="Set Hook Keyframes",
    category="advanced/hooks/scheduling",
    outputs=_HOOKS,
    module=MODULE,
    is_experimental=True,
)
class SetHookKeyframes(Node):
    """Gives hooks strengths that follow the run."""

    hooks: Hooks = socket("HOOKS", tooltip="The hooks to change.")
    hook_kf: Keyframes | None = socket("HOOK_KEYFRAMES", tooltip="Their strengths.", optional=True)

    def run(self, ctx: NodeContext) -> tuple[Hooks]:
        if self.hook_kf is None:
            return (self.hooks,)
        return (tuple(replace(hook, keyframes=self.hook_kf) for hook in self.hooks),)


@node(
    title="Create Hook Keyframe",
    category="advanced/hooks/scheduling",
    outputs=_KEYFRAMES,
    module=MODULE,
    is_experimental=True,
)
class CreateHookKeyframe(Node):
    """A strength from a share of the run on."""

    strength_mult: float = number(default=1.0, min=-20.0, max=20.0, step=0.01, tooltip="Multiplies the hooks' own.")
    start_percent: float = _percent(0.0, "From this share of the run.")
    prev_hook_kf: Keyframes | None = _before()

    def run(self, ctx: NodeContext) -> tuple[Keyframes]:
        return (_added(self.prev_hook_kf, [Keyframe(self.strength_mult, self.start_percent)]),)


@node(
    title="Create Hook Keyframes Interp.",
    category="advanced/hooks/scheduling",
    outputs=_KEYFRAMES,
    module=MODULE,
    is_experimental=True,
)
class CreateHookKeyframesInterpolated(Node):
    """Strengths that go evenly, or eased, from one to another."""

    strength_start: float = _factor(1.0, "The first strength.")
    strength_end: float = _factor(1.0, "The last strength.")
    interpolation: str = combo(("linear", "ease_in", "ease_out", "ease_in_out"), tooltip="Where it goes faster.")
    start_percent: float = _percent(0.0, "Share of the run at the first.")
    end_percent: float = _percent(1.0, "Share of the run at the last.")
    keyframes_count: int = integer(default=5, min=2, max=100, step=1, tooltip="How many strengths.")
    print_keyframes: bool = boolean(default=False, tooltip="Has no effect here.")
    prev_hook_kf: Keyframes | None = _before()

    def run(self, ctx: NodeContext) -> tuple[Keyframes]:
        rise = self.strength_end - self.strength_start
        shares = _eased(self.interpolation, torch.linspace(0, 1, self.keyframes_count, dtype=torch.float64))
        strengths = [self.strength_start + rise * share for share in shares.tolist()]
        return (_added(self.prev_hook_kf, _spread(strengths, self.start_percent, self.end_percent)),)


@node(
    title="Create Hook Keyframes From Floats",
    category="advanced/hooks/scheduling",
    outputs=_KEYFRAMES,
    module=MODULE,
    is_experimental=True,
)
class CreateHookKeyframesFromFloats(Node):
    """Strengths from a list of numbers, evenly over a part of the run."""

    floats_strength: float | Sequence[float] = socket(
        "FLOATS", default=-1, min=-1, step=0.001, forceInput=True, tooltip="The strengths."
    )
    start_percent: float = _percent(0.0, "Share of the run at the first.")
    end_percent: float = _percent(1.0, "Share of the run at the last.")
    print_keyframes: bool = boolean(default=False, tooltip="Has no effect here.")
    prev_hook_kf: Keyframes | None = _before()

    def run(self, ctx: NodeContext) -> tuple[Keyframes]:
        given = self.floats_strength
        strengths = [float(given)] if isinstance(given, int | float) else [float(each) for each in given]
        return (_added(self.prev_hook_kf, _spread(strengths, self.start_percent, self.end_percent)),)


def _eased(kind: str, at: Tensor) -> Tensor:
    """Share of the way, at shares 0…1 of the time."""
    if kind == "ease_in":
        return at**2
    if kind == "ease_out":
        return 1 - (1 - at) ** 2
    return (1 - torch.cos(at * torch.pi)) / 2 if kind == "ease_in_out" else at


def _spread(strengths: Sequence[float], start: float, end: float) -> list[Keyframe]:
    """The first lasts a step at least; the others may be passed over."""
    percents = torch.linspace(start, end, len(strengths), dtype=torch.float64).tolist()
    return [
        Keyframe(strength, percent, least_steps=1 if number == 0 else 0)
        for number, (strength, percent) in enumerate(zip(strengths, percents, strict=True))
    ]


def _added(before: Keyframes | None, keyframes: Sequence[Keyframe]) -> Keyframes:
    return tuple(sorted((*(before or ()), *keyframes), key=lambda each: each.start_percent))

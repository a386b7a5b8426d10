"""Adds ControlNets to prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from studio_engine.sampling.conditioning import Cond, Conditioning, ControlNet, ControlUse, UnboundControl


@dataclass(frozen=True, eq=False)
class Steering:
    """One net with its picture, ready to be added to any number of prompts."""

    net: ControlNet | UnboundControl
    hint: Tensor
    """IMAGE `[batch, height, width, 3]`"""
    strength: float
    start_percent: float = 0.0
    end_percent: float = 1.0
    extra: Mapping[str, object] = field(default_factory=dict)

    def added_to(self, *lists: Conditioning, is_for_all: bool = False) -> tuple[Conditioning, ...]:
        """Prompts that had the same net before share one use, so that its hint is made once."""
        if self.strength == 0.0:
            return lists
        uses: dict[int, ControlUse] = {}

        def steered(cond: Cond) -> Cond:
            previous = cond.control
            if id(previous) not in uses:
                uses[id(previous)] = self._use(previous)
            return replace(cond, control=uses[id(previous)], is_control_for_all=is_for_all)

        return tuple(tuple(steered(cond) for cond in each) for each in lists)

    def _use(self, previous: ControlUse | None) -> ControlUse:
        return ControlUse(
            self.net,
            self.hint,
            self.strength,
            start_percent=self.start_percent,
            end_percent=self.end_percent,
            previous=previous,
            extra=self.extra,
        )

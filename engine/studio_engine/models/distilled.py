"""Settings of models that were taught to draw in few steps. Nothing in their weights shows it, only their names."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from studio_engine.models.files import ModelDefaults


@dataclass(frozen=True)
class _Kind:
    name: re.Pattern[str]
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    side: int | None = None
    """Pixels; None = as the family."""


_STEPS: Final = re.compile(r"(?<!\d)(\d{1,2})[-_ ]?steps?(?![a-z])")
_FLOW_FAMILIES: Final = ("sd3", "flux")
# As their makers recommend. The first that matches counts.
_KINDS: Final = (
    _Kind(re.compile(r"lightning|hyper[-_ ]?sd|dmd2"), 8, 1.0, "euler", "sgm_uniform"),
    # Stability AI's own; what others call turbo was merged with it, and is drawn large and with some guidance.
    _Kind(re.compile(r"^sd[-_ ]?(xl)?[-_ ]?turbo"), 4, 1.0, "euler_ancestral", "normal", 512),
    _Kind(re.compile(r"turbo"), 8, 2.0, "dpmpp_sde", "karras"),
    _Kind(re.compile(r"(?<![a-z])lcm(?![a-z])"), 6, 1.5, "lcm", "sgm_uniform"),
)


def settings_for(name: str, family: str, defaults: ModelDefaults) -> ModelDefaults:
    """The family's defaults, or those of few-step models where the file's name tells of one."""
    stem = name.rpartition("/")[2].lower()
    kind = next((kind for kind in _KINDS if kind.name.search(stem)), None)
    if kind is None:
        return defaults
    told = _STEPS.search(stem)
    steps = max(1, int(told[1])) if told else kind.steps
    if family.startswith(_FLOW_FAMILIES):
        # Flux's number is the guidance that its network reads, which few steps do not change.
        cfg = defaults.cfg if family.startswith("flux") else 1.0
        return replace(defaults, steps=steps if told else 4, cfg=cfg)
    return ModelDefaults(
        width=kind.side or defaults.width,
        height=kind.side or defaults.height,
        steps=steps,
        cfg=kind.cfg,
        sampler=kind.sampler,
        scheduler=kind.scheduler,
    )

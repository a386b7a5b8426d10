"""Image nodes meet pictures that they do not expect."""

from __future__ import annotations

from typing import Any

import pytest

from studio_engine.nodes import NODES
from tests.adversary.studio import Graph, Studio, n

WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")


def image_nodes() -> list[str]:
    """Those that need nothing but pictures, masks and widgets."""
    return [
        name
        for name, cls in NODES.items()
        if any(spec.type == "IMAGE" for spec in cls.spec.inputs.values())
        and all(spec.type in (*WIDGETS, "IMAGE", "MASK") and not spec.folder for spec in cls.spec.inputs.values())
    ]


def sources() -> Graph:
    """Pictures of one, four and three channels, of one pixel, in a batch, and masks of nothing, of all and of dots."""
    return {
        "rgb": n("EmptyImage", width=9, height=5, batch_size=2, color=0x8040FF),
        "dot": n("EmptyImage", width=1, height=1, batch_size=1, color=0xFFFFFF),
        "tall": n("EmptyImage", width=1, height=33, batch_size=3, color=0),
        "no_mask": n("SolidMask", value=0.0, width=9, height=5),
        "dot_mask": n("SolidMask", value=1.0, width=1, height=1),
        "rgba": n("JoinImageWithAlpha", image=["rgb", 0], alpha=["no_mask", 0]),
        "channel": n("ImageToMask", image=["rgb", 0], channel="red"),
    }


PICTURES, MASKS = ("rgb", "dot", "tall", "rgba"), ("no_mask", "dot_mask", "channel")


def widget(spec: Any, which: str) -> object:
    settings = spec.settings
    if spec.type == "COMBO":
        return spec.options[-1 if which == "max" else 0]
    fallback = settings.get("default", {"INT": 1, "FLOAT": 0.5, "STRING": "a", "BOOLEAN": True}.get(spec.type))
    value = settings.get("min", fallback) if which == "min" else fallback
    return float(value) if spec.type == "FLOAT" else value


@pytest.mark.parametrize("which", ["default", "min", "max"])
def test_no_image_node_breaks_on_pictures_of_odd_shapes(studio: Studio, which: str) -> None:
    """What cannot be done is refused with a coded sentence of its own, not with what Python says."""
    for name in image_nodes():
        specs = NODES[name].spec.inputs
        graph = sources()
        for number, first in enumerate(PICTURES):
            inputs: dict[str, object] = {}
            turn = number
            for field, spec in specs.items():
                if spec.type in ("IMAGE", "MASK"):
                    names = PICTURES if spec.type == "IMAGE" else MASKS
                    inputs[field] = [names[turn % len(names)], 0]
                    turn += 1
                else:
                    inputs[field] = widget(spec, which)
            graph[first + "_in"] = {"class_type": name, "inputs": inputs}
            if NODES[name].spec.outputs:
                graph[first + "_out"] = n("PreviewAny", source=[first + "_in", 0])
        for each in studio.errors(graph).values():
            (told,) = each["errors"]
            assert "Error:" not in told["message"], (name, told["message"])

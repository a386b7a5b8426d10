"""What holds for each node that works on pictures, masks, latents and plain values, whatever it does.

Nodes that need a model are tried with real (tiny) ones elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.graph.call import call
from studio_engine.graph.inputs import InputSpec
from studio_engine.graph.mapping import Values
from studio_engine.graph.node import NodeSpec
from studio_engine.graph.parse import GraphNode
from studio_engine.graph.plan import Planner, Step
from studio_engine.graph.result import Blocked, Expanded
from studio_engine.graph.tasks import Part
from studio_engine.nodes import NODES
from studio_engine.sampling.conditioning import Cond
from studio_engine.sampling.model import Latent

Size = tuple[int, int, int, int]
"""Batch, height, width and channels of the pictures."""

SIZES: list[Size] = [(2, 1, 1, 3), (3, 40, 24, 4), (1, 17, 9, 3)]
WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")


class Context:
    """A NodeContext without models and files."""

    def check_cancelled(self) -> None: ...

    def progress(self, step: int, steps: int) -> None: ...

    def save_image(self, images: Tensor, *, prefix: str, is_temporary: bool = False) -> None:
        assert images.dim() == 4

    def save_file(self, data: bytes, *, content_type: str, size: tuple[int, int], is_temporary: bool = False) -> None:
        assert data

    def input_file(self, name: str) -> bytes:
        raise EngineError("blob.not_found")


def image(size: Size) -> Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(1))


def latent(size: Size) -> Latent:
    batch, height, width, _ = size
    cells = (max(1, height // 8), max(1, width // 8))
    return Latent(torch.randn(batch, 4, *cells, generator=torch.Generator().manual_seed(2)))


MAKERS: Mapping[str, Callable[[Size], object]] = {
    "IMAGE": image,
    "MASK": lambda size: image(size)[..., 0],
    "LATENT": latent,
    "CONDITIONING": lambda size: (Cond(torch.randn(1, 77, 8)),),
    "SIGMAS": lambda size: torch.linspace(10, 0, 6),
    "*": image,
}
CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "IMAGE": lambda value: isinstance(value, Tensor) and value.dim() == 4 and value.dtype == torch.float32,
    "MASK": lambda value: isinstance(value, Tensor) and value.dim() == 3 and value.dtype == torch.float32,
    "LATENT": lambda value: isinstance(value, Latent) and value.samples.dtype == torch.float32,
    "CONDITIONING": lambda value: isinstance(value, tuple) and all(isinstance(each, Cond) for each in value),
    "SIGMAS": lambda value: isinstance(value, Tensor) and value.dim() == 1 and value.dtype == torch.float32,
    "INT": lambda value: isinstance(value, int),
    "FLOAT": lambda value: isinstance(value, float),
    "STRING": lambda value: isinstance(value, str),
    "BOOLEAN": lambda value: isinstance(value, bool),
}


def is_plain(spec: NodeSpec) -> bool:
    types = {each.type for each in spec.inputs.values() if each.is_required or each.type not in WIDGETS}
    return types <= {*WIDGETS, *MAKERS} and all(each.folder is None for each in spec.inputs.values())


PLAIN = sorted(name for name, cls in NODES.items() if is_plain(cls.spec))


def widget(spec: InputSpec, which: str) -> object:
    """The default, or the least value that is allowed."""
    if spec.type == "COMBO":
        return spec.options[-1 if which == "least" else 0]
    least = spec.settings.get("min")
    if which == "least" and isinstance(least, int | float):
        return float(least) if spec.type == "FLOAT" else least
    return spec.settings.get("default", {"INT": 1, "FLOAT": 0.5, "STRING": "a b", "BOOLEAN": True}.get(spec.type))


def step_of(name: str) -> Step:
    planner = Planner(NODES, "team", lambda folder, file: "")
    return planner.step(GraphNode("1", name, {}), lambda node_id: "")


def inputs_of(name: str, size: Size, which: str) -> dict[str, Values]:
    specs = NODES[name].spec.inputs
    return {
        field: (widget(spec, which) if spec.type in WIDGETS else MAKERS[spec.type](size),)
        for field, spec in specs.items()
    }


@pytest.mark.parametrize("which", ["default", "least"])
@pytest.mark.parametrize("name", PLAIN)
def test_it_gives_what_it_declares_and_changes_nothing(name: str, which: str) -> None:
    outputs = NODES[name].spec.outputs
    for size in SIZES:
        for part in parts_of(name, inputs_of(name, size, which)):
            assert not isinstance(part, Expanded)
            for values, declared in zip(part, outputs, strict=True):
                is_fit = CHECKS.get(declared.type, lambda value: value is not None)
                assert [value for value in values if not isinstance(value, Blocked) and not is_fit(value)] == []


def parts_of(name: str, inputs: Mapping[str, Values]) -> list[Part]:
    """Nothing where the node refuses with a sentence: whether it may is a matter of its own tests."""
    try:
        return list(call(step_of(name), inputs, Context()).parts)
    except EngineError as error:
        if error.code == "engine.internal":
            raise
        return []


@pytest.mark.parametrize("name", PLAIN)
def test_it_works_as_it_stands_in_the_editor(name: str) -> None:
    assert any(parts_of(name, inputs_of(name, size, "default")) for size in SIZES)

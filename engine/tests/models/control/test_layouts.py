"""Published ControlNets at full size, without memory: every weight has its place, and every stored tensor is read."""

import math

import pytest
import torch
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel

from studio_engine.models.control.blueprint import control_blueprint
from studio_engine.models.control.config import ControlConfig
from studio_engine.models.parts import PartRef
from studio_engine.runtime.plan import plain_plan
from tests.models.control.layouts import (
    SD1,
    SD1_DIFFUSERS,
    SD2,
    SDXL,
    SDXL_DIFFUSERS,
    SDXL_SMALL,
    Shapes,
    diffusers_shapes,
    header_of,
    shapes_of,
)


def union_shapes() -> Shapes:
    settings = {**SDXL_DIFFUSERS, "num_control_type": 8}
    with torch.device("meta"):
        return shapes_of(ControlNetUnionModel(**settings))


def prefixed(shapes: Shapes) -> Shapes:
    return {f"control_model.{name}": shape for name, shape in shapes.items()}


LAYOUTS = {
    "SD 1.5, bare": lambda: SD1,
    "SD 1.5, with prefix": lambda: prefixed(SD1),
    "SD 1.5, diffusers": lambda: diffusers_shapes(**SD1_DIFFUSERS),
    "SD 2": lambda: SD2,
    "SDXL, bare": lambda: SDXL,
    "SDXL, diffusers": lambda: diffusers_shapes(**SDXL_DIFFUSERS),
    "SDXL small, diffusers": lambda: diffusers_shapes(**SDXL_SMALL),
    "SDXL union": union_shapes,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_weight_has_its_place(name: str) -> None:
    shapes = LAYOUTS[name]()
    blueprint = control_blueprint(PartRef((), "control", "control"), [header_of(shapes)], plain_plan())
    places = {blueprint.source(key).key: tuple(value.shape) for key, value in blueprint.empty().state_dict().items()}
    assert set(places) == set(shapes)
    for key, shape in places.items():
        # 1×1 convolutions and linear layers hold the same numbers
        assert [side for side in shape if side != 1] == [side for side in shapes[key] if side != 1], key


def test_the_key_list_is_that_of_the_published_net() -> None:
    assert sum(math.prod(shape) for shape in SD1.values()) == 361_279_120


def test_both_layouts_of_a_net_have_one_config() -> None:
    def config(shapes: Shapes) -> ControlConfig:
        made = control_blueprint(PartRef((), "control", "control"), [header_of(shapes)], plain_plan()).config
        assert isinstance(made, ControlConfig)
        return made

    assert config(SD1) == config(diffusers_shapes(**SD1_DIFFUSERS))
    assert config(SDXL) == config(diffusers_shapes(**SDXL_DIFFUSERS))
    assert config(SDXL).unet.heads == (5, 10, 20)
    assert config(SD1).unet.heads == (8, 8, 8, 8)
    assert config(SD1).hint_widths == (3, 16, 32, 96, 256)

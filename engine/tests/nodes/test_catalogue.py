"""Our nodes against ComfyUI's own declarations of the same names."""

import json
from pathlib import Path

import pytest

from studio_engine.graph.node import object_info
from studio_engine.nodes import NODES

COMFY = {entry["name"]: entry for entry in json.loads(Path(__file__).with_name("comfy_nodes.json").read_text())}
OURS = object_info(NODES, lambda folder: ["a.safetensors"])

# We run a subset of its samplers and schedulers, in its order; tooltips are written in our words.
SUBSETS = {("KSampler", "sampler_name"), ("KSampler", "scheduler")}


def test_every_node_of_comfyui_is_there() -> None:
    assert OURS.keys() == COMFY.keys()


@pytest.mark.parametrize("name", sorted(COMFY))
def test_a_node_is_declared_as_in_comfyui(name: str) -> None:
    ours, theirs = OURS[name], COMFY[name]
    assert ours["display_name"] == theirs["display_name"]
    assert ours["category"] == theirs["category"]
    assert ours["output"] == theirs["outputs"]
    assert ours["output_name"] == theirs["output_names"]
    assert ours["output_is_list"] == theirs["output_is_list"]
    assert ours["output_node"] == theirs["output_node"]
    assert ours["input"].get("hidden") == theirs.get("hidden")


@pytest.mark.parametrize("name", sorted(COMFY))
def test_its_inputs_have_the_same_order_types_and_bounds(name: str) -> None:
    ours, theirs = OURS[name]["input"]["required"], COMFY[name]["inputs"]["required"]
    assert list(ours) == list(theirs)
    for field, (kind, settings) in theirs.items():
        our_kind, our_settings = ours[field]
        if field in COMFY[name].get("file_combos", {}):
            assert isinstance(our_kind, list)
        elif (name, field) in SUBSETS:
            assert [option for option in kind if option in our_kind] == our_kind
        else:
            assert our_kind == kind
        assert {key: value for key, value in our_settings.items() if key != "tooltip"} == settings
        assert our_settings["tooltip"]


@pytest.mark.parametrize("name", sorted(COMFY))
def test_it_explains_itself(name: str) -> None:
    assert OURS[name]["description"].endswith(".")

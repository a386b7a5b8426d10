"""Our nodes against ComfyUI's own declarations of the same names."""

import json
from pathlib import Path

import pytest

from studio_engine.graph.object_info import object_info
from studio_engine.nodes import NODES

COMFY = {entry["name"]: entry for entry in json.loads(Path(__file__).with_name("comfy_nodes.json").read_text())}
OURS = object_info(NODES, lambda folder: ["a.safetensors"])

OWN = frozenset(
    {
        "BlurMask",
        "IPAdapterApply",
        "IPAdapterLoader",
        "ImageAdjustColours",
        "ImageColorRangeToMask",
        "ImageCurves",
        "ImageLevels",
        "LineArtPreprocessor",
        "NormalFromDepthPreprocessor",
        "ReplaceBackground",
        "ScribblePreprocessor",
        "TilePreprocessor",
        "TiledDiffusion",
    }
)
"""Nodes that ComfyUI's core does not have."""

SHARED = sorted(OURS.keys() - OWN)


def without_words(settings: dict[str, object]) -> dict[str, object]:
    """Tooltips are written in our words; settings say no more than ComfyUI's otherwise."""
    return {key: value for key, value in settings.items() if key != "tooltip"}


def is_file_choice(name: str, field: str) -> bool:
    return field in COMFY[name].get("file_combos", {})


def test_no_node_of_ours_is_unknown_to_comfyui() -> None:
    assert [name for name in SHARED if name not in COMFY] == []
    assert OURS.keys() >= OWN


@pytest.mark.parametrize("name", SHARED)
def test_a_node_is_declared_as_in_comfyui(name: str) -> None:
    ours, theirs = OURS[name], COMFY[name]
    assert ours["display_name"] == theirs["display_name"]
    assert ours["category"] == theirs["category"]
    assert ours["python_module"] == theirs["module"]
    assert ours["output"] == theirs["outputs"]
    assert ours["output_name"] == theirs["output_names"]
    assert ours["output_is_list"] == theirs["output_is_list"]
    assert ours["output_node"] == theirs["output_node"]
    assert ours["input"].get("hidden") == theirs.get("hidden")
    assert ours.get("deprecated", False) == theirs.get("deprecated", False)
    assert ours.get("experimental", False) == theirs.get("experimental", False)


@pytest.mark.parametrize("name", SHARED)
def test_its_inputs_have_the_same_order_types_and_settings(name: str) -> None:
    ours, theirs = OURS[name]["input"], COMFY[name]["inputs"]
    for group in ("required", "optional"):
        our_inputs, their_inputs = ours.get(group, {}), theirs.get(group, {})
        assert list(our_inputs) == list(their_inputs)
        for field, (kind, settings) in their_inputs.items():
            our_kind, our_settings = our_inputs[field]
            our_settings = without_words(our_settings)
            if is_file_choice(name, field):
                assert isinstance(our_kind, list) == isinstance(kind, list)
                assert our_settings.keys() == settings.keys()
            else:
                assert (field, our_kind, our_settings) == (field, kind, settings)


@pytest.mark.parametrize("name", SHARED)
def test_a_choice_among_files_lists_the_folder_of_comfyui(name: str) -> None:
    declared = NODES[name].spec.inputs
    for field, folder in COMFY[name].get("file_combos", {}).items():
        assert declared[field].folder == folder.partition(" ")[0]


@pytest.mark.parametrize("name", sorted(OURS))
def test_it_explains_itself_and_each_input(name: str) -> None:
    assert OURS[name]["description"].endswith(".")
    for inputs in (OURS[name]["input"]["required"], OURS[name]["input"].get("optional", {})):
        assert [field for field, (_, settings) in inputs.items() if not settings.get("tooltip")] == []

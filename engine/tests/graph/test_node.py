from dataclasses import FrozenInstanceError

import pytest
from arithmetic import NODES, Value, files

from studio_engine.graph.node import (
    Node,
    Output,
    by_name,
    combo,
    file_combo,
    hidden,
    integer,
    node,
    number,
    registry_of,
    socket,
    text,
)
from studio_engine.graph.object_info import object_info


def test_a_catalogue_entry_has_the_shape_of_object_info():
    assert object_info(NODES, files)["Widgets"] == {
        "input": {
            "required": {
                "count": [
                    "INT",
                    {"default": 1, "min": 1, "max": 2**64 - 1, "control_after_generate": True, "tooltip": "How many."},
                ],
                "mode": [["fast", "slow"], {}],
                "label": ["STRING", {"default": "", "multiline": True}],
                "is_on": ["BOOLEAN", {"default": True}],
            }
        },
        "input_order": {"required": ["count", "mode", "label", "is_on"]},
        "output": ["TENSOR"],
        "output_is_list": [False],
        "output_name": ["TENSOR"],
        "name": "Widgets",
        "display_name": "Widgets",
        "description": "One input of each kind.",
        "python_module": "nodes",
        "category": "test",
        "output_node": False,
    }


def test_optional_inputs_outputs_and_files_are_listed():
    info = object_info(NODES, files)
    assert info["Add"]["input_order"] == {"required": ["a"], "optional": ["b"]}
    assert info["Value"]["output_name"] == ["value"]
    assert info["Show"]["output_node"] is True
    assert info["Read"]["input"]["required"]["file"] == [["a.bin", "b.bin"], {}]


def test_a_folder_that_is_not_known_here_lists_nothing():
    assert object_info(NODES, lambda folder: None)["Read"]["input"]["required"]["file"] == [[], {}]


def test_nodes_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Value(amount=1.0).amount = 2.0


@node(
    title="All flags",
    category="test",
    module="comfy_extras.nodes_string",
    name="All Flags",
    outputs=(Output("NUM", "numbers", "Many.", is_list=True), Output("NUM")),
    takes_lists=True,
    is_deprecated=True,
    is_experimental=True,
)
class AllFlags(Node):
    """Everything that can be declared."""

    count: int = integer(default=3, min=0, max=9, optional=True, display="slider")
    model: object = socket("MODEL,CLIP", optional=True, lazy=True)
    mode: str = combo(("fast", "slow"), default="slow")
    file: str = file_combo("things", also=("none",), optional=True)
    wired: str = text(forceInput=True)
    ratio: float = number(min=0, max=1, step=0.1, round=False)
    blocks: dict[str, float] = by_name(("in.0.", "in.1."), number(default=1.0))
    own_id: str = hidden("UNIQUE_ID")
    prompt: object = hidden("PROMPT")

    def run(self, ctx):
        return [], 0


def test_all_flags_are_listed_as_in_comfyui():
    entry = object_info(registry_of((AllFlags,)), files)["All Flags"]
    assert entry["input"] == {
        "required": {
            "mode": ["COMBO", {"default": "slow", "multiselect": False, "options": ["fast", "slow"]}],
            "wired": ["STRING", {"forceInput": True}],
            "ratio": ["FLOAT", {"min": 0, "max": 1, "step": 0.1, "round": False}],
            "in.0.": ["FLOAT", {"default": 1.0}],
            "in.1.": ["FLOAT", {"default": 1.0}],
        },
        "optional": {
            "count": ["INT", {"default": 3, "min": 0, "max": 9, "display": "slider"}],
            "model": ["MODEL,CLIP", {"lazy": True}],
            "file": ["COMBO", {"multiselect": False, "options": ["a.bin", "b.bin", "none"]}],
        },
        "hidden": {"own_id": "UNIQUE_ID", "prompt": "PROMPT"},
    }
    assert entry["output_is_list"] == [True, False]
    assert entry["output_name"] == ["numbers", "NUM"]
    assert entry["output_tooltips"] == ["Many.", ""]
    assert (entry["deprecated"], entry["experimental"], entry["api_node"]) == (True, True, False)


def test_older_modules_mention_only_the_flags_that_hold():
    entry = object_info(NODES, files)["Widgets"]
    assert {"deprecated", "experimental", "api_node"}.isdisjoint(entry)


def test_an_older_module_may_name_a_single_combo():
    @node(title="Solver", category="test")
    class Solver(Node):
        """Names its choices."""

        kind: str = combo(("a", "b"), named=True)

        def run(self, ctx):
            return ()

    (entry,) = object_info(registry_of((Solver,)), files).values()
    assert entry["input"]["required"]["kind"] == ["COMBO", {"options": ["a", "b"]}]


def test_what_is_optional_has_its_default():
    each = AllFlags(mode="fast", wired="", ratio=0.5, blocks={})
    assert (each.count, each.model, each.file, each.own_id) == (3, None, None, None)


def test_an_input_that_is_forced_takes_no_constant():
    assert not AllFlags.spec.inputs["wired"].is_widget
    assert AllFlags.spec.inputs["mode"].is_widget


def test_two_nodes_of_one_name_are_refused():
    @node(title="Other", category="test", name="All Flags")
    class Other(Node):
        """Another."""

        def run(self, ctx):
            return ()

    with pytest.raises(ValueError, match="All Flags is declared in"):
        registry_of((AllFlags, Other))

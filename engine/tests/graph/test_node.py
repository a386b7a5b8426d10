from dataclasses import FrozenInstanceError

import pytest
from arithmetic import NODES, Value, files

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

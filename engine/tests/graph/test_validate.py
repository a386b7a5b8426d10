import pytest
from arithmetic import NODES, add, files, show, value

from studio_engine.errors import EngineError
from studio_engine.graph.parse import parse_graph
from studio_engine.graph.validate import validate_graph


def validate(raw, list_files=files):
    valid = validate_graph(parse_graph(raw), NODES, list_files)
    assert not valid.node_errors
    return valid.graph


def refused(raw):
    with pytest.raises(EngineError) as caught:
        validate(raw)
    return caught.value


def node_errors_of(raw):
    """Whether or not other outputs can run."""
    try:
        return validate_graph(parse_graph(raw), NODES, files).node_errors
    except EngineError as error:
        assert error.code == "graph.invalid"
        return error.details["nodeErrors"]


def reasons(inputs, class_type="Widgets", **others):
    errors = node_errors_of({"1": {"class_type": class_type, "inputs": inputs}, "9": show("1"), **others})
    return {reason["type"] for reason in errors["1"]["errors"]}


GOOD = {"count": 3, "mode": "fast", "label": "x", "is_on": False}


def test_the_checked_graph_is_in_running_order_and_holds_declared_inputs_only():
    graph = validate({"3": show("2"), "2": add("1", "1"), "1": value(2) | {"inputs": {"amount": 2, "extra": 1}}})
    assert list(graph) == ["1", "2", "3"]
    assert graph["1"].inputs == {"amount": 2.0}
    assert isinstance(graph["1"].inputs["amount"], float)


def test_nodes_that_lead_to_no_output_are_left_out_unchecked():
    graph = validate({"1": value(1), "2": show("1"), "3": value("no number")})
    assert list(graph) == ["1", "2"]


def test_unknown_classes_are_named():
    error = refused({"1": value(1), "2": show("1"), "3": {"class_type": "Teleport"}})
    assert error.code == "graph.unknown_node"
    assert error.details == {"nodeIds": ["3"], "classTypes": ["Teleport"]}


def test_a_graph_without_output_is_refused():
    assert refused({"1": value(1)}).code == "graph.no_output"


def test_a_cycle_is_named_in_link_order():
    error = refused({"1": add("3"), "2": add("1"), "3": add("2"), "4": show("3")})
    assert error.code == "graph.cycle"
    assert sorted(error.details["nodeIds"]) == ["1", "2", "3"]


def test_a_node_that_reads_itself_is_a_cycle():
    assert refused({"1": add("1"), "2": show("1")}).code == "graph.cycle"


def test_a_long_chain_is_no_deep_recursion():
    chain = {"0": value(1)} | {str(i): add(str(i - 1)) for i in range(1, 1_999)}
    assert len(validate(chain | {"end": show("1998")})) == 2_000


def test_a_missing_input_is_reported_with_the_outputs_that_need_it():
    error = refused({"1": {"class_type": "Add"}, "2": show("1"), "3": show("1")})
    report = error.details["nodeErrors"]["1"]
    assert report["class_type"] == "Add"
    assert report["dependent_outputs"] == ["2", "3"]
    assert report["errors"] == [
        {
            "type": "required_input_missing",
            "message": "A required input is missing",
            "details": "a",
            "extra_info": {"input_name": "a", "input_config": ["TENSOR", {}]},
        }
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"count": 0}, "value_smaller_than_min"),
        ({"count": 2**64}, "value_bigger_than_max"),
        ({"count": "many"}, "invalid_input_type"),
        ({"count": None}, "invalid_input_type"),
        ({"count": float("inf")}, "invalid_input_type"),
        ({"count": {"a": 1}}, "invalid_input_type"),
        ({"label": {"a": 1}}, "invalid_input_type"),
        ({"mode": "sideways"}, "value_not_in_list"),
        ({"mode": None}, "invalid_input_type"),
        ({"count": [1, 2, 3]}, "bad_linked_input"),
        ({"count": ["404", 0]}, "bad_linked_input"),
        ({"count": ["9", 0]}, "bad_linked_input"),
    ],
)
def test_one_bad_widget_is_one_reason(change, reason):
    if change == {"count": ["9", 0]}:
        # Reading from the output node itself would be a cycle; read from another one.
        assert reasons(GOOD | {"count": ["8", 0]}, **{"8": show("7"), "7": value(1)}) == {reason}
    else:
        assert reasons(GOOD | change) == {reason}


@pytest.mark.parametrize(
    ("name", "given_value", "read"),
    [("count", "12", 12), ("count", 12.9, 12), ("count", 2**64 - 1, 2**64 - 1), ("label", 7, "7"), ("is_on", 1, True)],
)
def test_constants_are_read_as_the_declared_type(name, given_value, read):
    raw = {"1": {"class_type": "Widgets", "inputs": GOOD | {name: given_value}}, "2": show("1")}
    assert validate(raw)["1"].inputs[name] == read


def test_not_a_number_is_no_number():
    assert reasons({"amount": "nan"}, "Value") == {"invalid_input_type"}


def test_a_socket_takes_no_constant():
    assert reasons({"a": 5}, "Add") == {"bad_linked_input"}


def test_types_of_linked_sockets_must_match():
    error = refused({"1": value(1), "2": add("1"), "3": {"class_type": "Show", "inputs": {"value": ["2", 1]}}})
    (reason,) = error.details["nodeErrors"]["3"]["errors"]
    assert reason["type"] == "return_type_mismatch"
    assert reason["extra_info"]["received_type"] == "OTHER"


def test_outputs_that_can_run_do_so_and_the_others_are_reported():
    raw = {"1": {"class_type": "Add"}, "2": show("1"), "3": value(1), "4": show("3")}
    valid = validate_graph(parse_graph(raw), NODES, files)
    assert list(valid.graph) == ["3", "4"]
    assert valid.node_errors["1"]["dependent_outputs"] == ["2"]


def test_an_output_between_a_bad_node_and_another_output_cannot_run():
    raw = {"1": value("no number"), "2": add("1"), "3": show("2"), "4": value(1), "5": show("4")}
    valid = validate_graph(parse_graph(raw), NODES, files)
    assert list(valid.graph) == ["4", "5"]


def test_every_bad_input_of_every_node_is_reported():
    error = refused({"1": {"class_type": "Widgets", "inputs": {"count": 0, "mode": "?"}}, "2": show("1")})
    assert len(error.details["nodeErrors"]["1"]["errors"]) == 4


def test_a_file_must_be_listed_where_the_folder_is_known():
    graph = {"1": {"class_type": "Read", "inputs": {"file": "c.bin"}}, "2": show("1")}
    assert refused(graph).code == "graph.invalid"
    assert list(validate(graph, lambda folder: None)) == ["1", "2"]

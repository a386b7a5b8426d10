import pytest
from arithmetic import NODES, add, files, show, value
from flow import FLOW, num

from studio_engine.errors import EngineError
from studio_engine.graph.node import Node, Output, combo, node, registry_of, socket
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


def flow_reasons(**inputs):
    raw = {"1": num("Picky", **inputs), "9": num("Tell", value=["1", 0])}
    with pytest.raises(EngineError) as caught:
        validate_graph(parse_graph(raw), FLOW, files)
    return caught.value.details["nodeErrors"]["1"]["errors"]


def test_a_node_refuses_its_constants_in_its_own_words():
    (reason,) = flow_reasons(amount=13)
    assert (reason["type"], reason["details"]) == ("custom_validation_failed", "13 brings bad luck; choose 12.")
    assert reason["extra_info"]["input_name"] == "amount"


def test_bounds_are_not_looked_at_where_the_node_checks_for_itself():
    raw = {"1": num("Picky", amount=7), "9": num("Tell", value=["1", 0])}
    assert validate_graph(parse_graph(raw), FLOW, files).graph["1"].inputs["amount"] == 7
    assert [reason["type"] for reason in flow_reasons(amount=7, other=7)] == ["value_bigger_than_max"]
    assert [reason["type"] for reason in flow_reasons(amount="seven")] == ["invalid_input_type"]


def test_a_check_that_fails_is_a_reason():
    (reason,) = flow_reasons(amount=99)
    assert reason["type"] == "exception_during_validation"
    assert "ZeroDivisionError" in reason["extra_info"]["exception_message"]


@pytest.mark.parametrize("given_value", [5, "text", None, {"a": 1}, {"__value__": [1, 2]}])
def test_an_input_of_any_type_takes_constants(given_value):
    graph = validate_graph(parse_graph({"1": num("Tell", value=given_value)}), FLOW, files).graph
    assert graph["1"].inputs["value"] == (
        given_value["__value__"] if given_value == {"__value__": [1, 2]} else given_value
    )


def test_a_list_given_as_a_value_is_no_link():
    assert reasons(GOOD | {"label": {"__value__": ["9", 0]}}) == {"invalid_input_type"}
    assert (
        validate({"1": {"class_type": "Widgets", "inputs": GOOD | {"count": {"__value__": 7}}}, "2": show("1")})[
            "1"
        ].inputs["count"]
        == 7
    )


@pytest.mark.parametrize(
    ("received", "wanted", "fits"),
    [
        ("A", "A", True),
        ("A", "B", False),
        ("A,B", "B,C", True),
        ("A, B", "C,B", True),
        ("A,B", "C", False),
        ("*", "A", True),
        ("A", "*", True),
        ("STRING", "COMBO", True),
        ("COMBO", "STRING", False),
    ],
)
def test_type_sets_fit_where_they_share_a_member(received, wanted, fits):
    @node(title="Give", category="test", outputs=(Output(received),))
    class Give(Node):
        """Gives."""

        def run(self, ctx):
            return (1,)

    @node(title="Take", category="test", is_output=True)
    class Take(Node):
        """Takes."""

        value: object = combo(("a",)) if wanted == "COMBO" else socket(wanted)

        def run(self, ctx):
            return ()

    graph = parse_graph({"1": {"class_type": "Give"}, "2": {"class_type": "Take", "inputs": {"value": ["1", 0]}}})
    nodes = registry_of((Give, Take))
    if fits:
        assert validate_graph(graph, nodes, files).graph
    else:
        with pytest.raises(EngineError, match="cannot run"):
            validate_graph(graph, nodes, files)


def test_a_cycle_that_leads_to_no_output_harms_nobody():
    assert list(validate({"1": add("2"), "2": add("1"), "3": value(1), "4": show("3")})) == ["3", "4"]

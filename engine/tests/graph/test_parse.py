import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.errors import EngineError
from studio_engine.graph.parse import MAX_NODES, BadLink, Link, parse_graph


def parsed_or_error(raw):
    try:
        return parse_graph(raw)
    except EngineError as error:
        return error


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=12,
)


@given(json_values | st.dictionaries(st.text(max_size=2), st.fixed_dictionaries({"class_type": json_values})))
def test_any_json_is_a_graph_or_a_coded_error(raw):
    outcome = parsed_or_error(raw)
    if isinstance(outcome, EngineError):
        assert outcome.code == "graph.invalid"
        assert outcome.message.endswith(".")
    else:
        assert all(isinstance(node.class_type, str) for node in outcome.values())


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ([], "must be an object"),
        ({}, "at least one node"),
        ({"1": None}, "Node 1 is not an object"),
        ({"1": {"inputs": {}}}, "Node 1 has no class_type"),
        ({"1": {"class_type": "A", "inputs": []}}, "Node 1 has inputs that are not an object"),
    ],
)
def test_what_is_no_graph_is_refused_with_a_sentence(raw, sentence):
    with pytest.raises(EngineError, match=sentence):
        parse_graph(raw)


def test_too_many_nodes_are_refused():
    with pytest.raises(EngineError, match="split it"):
        parse_graph({str(i): {"class_type": "A"} for i in range(MAX_NODES + 1)})


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        (["1", 0], Link("1", 0)),
        (["1", True], BadLink(["1", True])),
        (["1", -1], BadLink(["1", -1])),
        ([1, 0], BadLink([1, 0])),
        (["1"], BadLink(["1"])),
        ({"__value__": ["1", 0]}, ["1", 0]),
        ("text", "text"),
        (2**64 - 1, 2**64 - 1),
    ],
)
def test_inputs_are_links_or_constants(raw, parsed):
    graph = parse_graph({"9": {"class_type": "A", "inputs": {"x": raw}, "_meta": {"title": "ignored"}}})
    assert graph["9"].inputs["x"] == parsed

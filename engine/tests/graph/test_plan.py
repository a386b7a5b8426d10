from time import process_time

from arithmetic import NODES, add, files, show, value
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.graph.parse import parse_graph
from studio_engine.graph.plan import Planner
from studio_engine.graph.validate import validate_graph


def steps_of(raw, *, nodes=NODES, namespace="team", file_identity=lambda folder, name: "v1", nonce=""):
    graph = validate_graph(parse_graph(raw), nodes, files).graph
    return Planner(nodes, namespace, file_identity, nonce).plan(graph)


def keys_of(raw, **scope):
    return {step.node_id: step.key for step in steps_of(raw, **scope)}


@st.composite
def graphs(draw):
    """Random graphs without cycles: each node reads from nodes drawn before it; some are outputs."""
    raw = {"n0": value(draw(st.integers(-3, 3)))}
    for i in range(1, draw(st.integers(2, 14))):
        earlier = st.sampled_from([f"n{j}" for j in range(i) if raw[f"n{j}"]["class_type"] != "Show"])
        kind = draw(st.sampled_from(["value", "add", "add", "show"]))
        match kind:
            case "value":
                raw[f"n{i}"] = value(draw(st.integers(-3, 3)))
            case "add":
                raw[f"n{i}"] = add(draw(earlier), draw(earlier | st.none()))
            case _:
                raw[f"n{i}"] = show(draw(earlier))
    raw["last"] = show(draw(st.sampled_from([key for key, node in raw.items() if node["class_type"] != "Show"])))
    return dict(draw(st.permutations(list(raw.items()))))


def sources_of(node):
    return [each[0] for each in node["inputs"].values() if isinstance(each, list)]


def ancestors_of(raw, node_id):
    return {node_id}.union(*(ancestors_of(raw, source) for source in sources_of(raw[node_id])))


@given(graphs())
def test_a_node_runs_after_all_that_it_reads_from(raw):
    done = set()
    for step in steps_of(raw):
        assert done.issuperset(sources_of(raw[step.node_id]))
        done.add(step.node_id)


@given(graphs())
def test_just_the_ancestors_of_outputs_run(raw):
    outputs = [node_id for node_id, node in raw.items() if node["class_type"] == "Show"]
    expected = set().union(*(ancestors_of(raw, output) for output in outputs))
    assert {step.node_id for step in steps_of(raw)} == expected


@given(graphs())
def test_keys_do_not_depend_on_names_or_order(raw):
    names = {node_id: f"renamed {i}" for i, node_id in enumerate(reversed(raw))}

    def renamed(each):
        return [names[each[0]], each[1]] if isinstance(each, list) else each

    other = {
        names[node_id]: node | {"inputs": {key: renamed(each) for key, each in node["inputs"].items()}}
        for node_id, node in sorted(raw.items(), reverse=True)
    }
    keys = keys_of(raw)
    assert {names[node_id]: key for node_id, key in keys.items()} == keys_of(other)


@given(graphs(), st.data())
def test_a_changed_constant_changes_the_keys_of_its_descendants_alone(raw, data):
    before = keys_of(raw)
    values = [node_id for node_id in before if raw[node_id]["class_type"] == "Value"]
    changed = data.draw(st.sampled_from(values))
    after = keys_of(raw | {changed: value(50)})
    for node_id in before:
        assert (before[node_id] != after[node_id]) == (changed in ancestors_of(raw, node_id))


@given(graphs())
def test_namespaces_share_no_key(raw):
    assert set(keys_of(raw, namespace="a").values()).isdisjoint(keys_of(raw, namespace="b").values())


def test_equal_numbers_of_other_spelling_have_one_key():
    assert keys_of({"1": value(2), "2": show("1")}) == keys_of({"1": value("2.0"), "2": show("1")})


def test_swapped_inputs_and_other_slots_are_other_work():
    base = {"1": value(1), "2": value(2)}
    assert (
        keys_of(base | {"3": add("1", "2"), "4": show("3")})["3"]
        != (keys_of(base | {"3": add("2", "1"), "4": show("3")})["3"])
    )


def test_a_replaced_file_changes_the_key():
    raw = {"1": {"class_type": "Read", "inputs": {"file": "a.bin"}}, "2": show("1")}
    assert keys_of(raw) != keys_of(raw, file_identity=lambda folder, name: "v2")


def test_two_hundred_nodes_are_planned_in_a_few_milliseconds():
    chain = {"0": value(1)} | {str(i): add(str(i - 1), str(i - 1)) for i in range(1, 199)} | {"end": show("198")}
    steps_of(chain)
    began = process_time()
    steps_of(chain)
    # Takes 4 ms; the bound only catches a walk that is not linear, at any load of the machine.
    assert process_time() - began < 0.1


def test_a_thousand_nodes_in_a_wide_and_deep_graph_are_planned():
    raw = {"0": value(1)} | {str(i): add(str(i - 1), str(max(0, i - 17))) for i in range(1, 999)} | {"end": show("998")}
    assert len(steps_of(raw)) == 1_000

"""The executor against the plainest evaluation there is: recursion without plan, keys, cache or order."""

from flow import FLOW, num
from hypothesis import given, settings
from hypothesis import strategies as st
from running import run_graph

from studio_engine.graph.cache import ResultCache

BLOCKED = object()
KINDS = ["Number", "Many", "Plus", "Total", "Choose", "Stop", "Twice", "Countdown", "Label"]


def evaluate(raw, node_id):
    """All values at the first output of a node."""
    node = raw[node_id]
    inputs = node["inputs"]

    def values(name):
        given_value = inputs[name]
        return evaluate(raw, given_value[0]) if isinstance(given_value, list) else [given_value]

    match node["class_type"]:
        case "Number":
            return [inputs["amount"]]
        case "Many":
            return [i for count in values("count") for i in range(count)]
        case "Total":
            members = values("values")
            return [BLOCKED] if BLOCKED in members else [sum(members) + inputs["weight"] * len(members)]
        case "Choose":
            which = values("which")
            asked = {value % 2 for value in which if value is not BLOCKED}
            odd = values("odd") if 1 in asked else [None]
            even = values("even") if 0 in asked else [None]
            return mapped(lambda w, o, e: o if w % 2 else e, which, odd, even)
        case "Plus":
            return mapped(lambda a, b: a + b, values("a"), values("b"))
        case "Stop":
            return mapped(lambda v, every: v if v % every else BLOCKED, values("value"), [inputs["every"]])
        case "Twice":
            return mapped(lambda v: 2 * v, values("value"))
        case "Countdown":
            return mapped(lambda v: sum(range(v + 1)), values("value"))
        case _:
            return mapped(lambda v: v, values("value"))


def mapped(function, *lists):
    longest = max(len(each) for each in lists)
    rows = [[each[min(i, len(each) - 1)] for each in lists] for i in range(longest)]
    return [BLOCKED if BLOCKED in row else function(*row) for row in rows]


@st.composite
def graphs(draw, *, made_outputs=True):
    """Random graphs of every kind of node; lists stay small because only constants make them.

    `Pass` makes an output node, so it runs each time.
    """
    raw = {"n0": num("Number", amount=draw(st.integers(0, 4))), "n1": num("Many", count=draw(st.integers(1, 3)))}
    for i in range(2, draw(st.integers(3, 12))):
        link = st.sampled_from([f"n{j}" for j in range(i)]).map(lambda node_id: [node_id, 0])
        kind = draw(st.sampled_from([*KINDS, "Pass"] if made_outputs else KINDS))
        match kind:
            case "Number":
                inputs = {"amount": draw(st.integers(0, 4))}
            case "Many":
                inputs = {"count": draw(st.integers(1, 3))}
            case "Plus":
                inputs = {"a": draw(link), "b": draw(link)}
            case "Total":
                inputs = {"values": draw(link), "weight": draw(st.integers(0, 3))}
            case "Choose":
                inputs = {name: draw(link) for name in ("which", "odd", "even")}
            case "Stop":
                inputs = {"value": draw(link), "every": draw(st.integers(1, 3))}
            case _:
                inputs = {"value": draw(link)}
        raw[f"n{i}"] = num(kind, **inputs)
    for i, source in enumerate(draw(st.lists(st.sampled_from(list(raw)), min_size=1, max_size=3))):
        raw[f"end{i}"] = num("Tell", value=[source, 0])
    return dict(draw(st.permutations(list(raw.items()))))


def expected(raw):
    ends = [node_id for node_id in raw if node_id.startswith("end")]
    shown = {end: [value for value in evaluate(raw, end) if value is not BLOCKED] for end in ends}
    return {end: values for end, values in shown.items() if values}


def shown_by(ran):
    assert not ran.outcome.failures
    return {node_id: values for node_id, values in ran.texts.items() if node_id.startswith("end")}


@given(graphs())
def test_the_outputs_are_those_of_the_plain_evaluation(raw):
    assert shown_by(run_graph(raw, FLOW)) == expected(raw)


@settings(max_examples=25)
@given(graphs())
def test_several_workers_give_the_same(raw):
    assert shown_by(run_graph(raw, FLOW, workers=3)) == expected(raw)


@given(st.lists(graphs(), min_size=2, max_size=4), st.integers(0, 6_000))
def test_a_cache_of_any_size_changes_nothing(raws, max_bytes):
    cache = ResultCache(max_bytes, is_thorough=True)
    for raw in [*raws, *raws]:
        assert shown_by(run_graph(raw, FLOW, cache=cache)) == expected(raw)


@given(graphs(made_outputs=False))
def test_a_repeated_run_computes_output_nodes_alone(raw):
    cache = ResultCache(10**6)
    run_graph(raw, FLOW, cache=cache)
    assert all(node_id.startswith("end") for node_id in run_graph(raw, FLOW, cache=cache).ids)

"""The executor against the plainest evaluation there is: recursion without plan, keys, cache or order."""

from flow import FLOW, num
from hypothesis import given, settings
from hypothesis import strategies as st
from running import run_graph

from studio_engine.graph.cache import ResultCache

BLOCKED = object()


class FailedError(Exception):
    pass


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
        case "Fail":
            if inputs["at"] in values("value"):
                raise FailedError
            return values("value")
        case kind:
            names, function = MAPPED.get(kind, (("value",), lambda value: value))
            return mapped(function, *(values(name) for name in names))


MAPPED = {
    "Plus": (("a", "b"), lambda a, b: a + b),
    "Stop": (("value", "every"), lambda value, every: value if value % every else BLOCKED),
    "Twice": (("value",), lambda value: 2 * value),
    "Countdown": (("value",), lambda value: sum(range(value + 1))),
}


def mapped(function, *lists):
    longest = max(len(each) for each in lists)
    rows = [[each[min(i, len(each) - 1)] for each in lists] for i in range(longest)]
    return [BLOCKED if BLOCKED in row else function(*row) for row in rows]


@st.composite
def graphs(draw, *, others=()):
    """Random graphs of every kind of node; lists stay small because only constants make them.

    `Pass` makes an output node, so it runs each time; `Fail` may fail.
    """
    raw = {"n0": num("Number", amount=draw(st.integers(0, 4))), "n1": num("Many", count=draw(st.integers(1, 3)))}
    for i in range(2, draw(st.integers(3, 12))):
        link = st.sampled_from([f"n{j}" for j in range(i)]).map(lambda node_id: [node_id, 0])
        kind = draw(st.sampled_from([*KINDS, *others]))
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
            case "Fail":
                inputs = {"value": draw(link), "at": draw(st.integers(0, 3))}
            case "Stop":
                inputs = {"value": draw(link), "every": draw(st.integers(1, 3))}
            case _:
                inputs = {"value": draw(link)}
        raw[f"n{i}"] = num(kind, **inputs)
    for i, source in enumerate(draw(st.lists(st.sampled_from(list(raw)), min_size=1, max_size=3))):
        raw[f"end{i}"] = num("Tell", value=[source, 0])
    return dict(draw(st.permutations(list(raw.items()))))


def expected(raw):
    """What each output node shows, and the output nodes that cannot run."""
    shown, failed = {}, set()
    for end in [node_id for node_id in raw if node_id.startswith("end")]:
        try:
            shown[end] = [value for value in evaluate(raw, end) if value is not BLOCKED]
        except FailedError:
            failed.add(end)
    return {end: values for end, values in shown.items() if values}, failed


def observed(ran):
    shown = {node_id: values for node_id, values in ran.texts.items() if node_id.startswith("end")}
    return shown, {output for failure in ran.outcome.failures.values() for output in failure.outputs}


@given(graphs(others=["Pass"]))
def test_the_outputs_are_those_of_the_plain_evaluation(raw):
    assert observed(run_graph(raw, FLOW)) == expected(raw)


@settings(max_examples=25)
@given(graphs(others=["Pass"]))
def test_several_workers_give_the_same(raw):
    assert observed(run_graph(raw, FLOW, workers=3)) == expected(raw)


@given(st.lists(graphs(others=["Pass"]), min_size=2, max_size=4), st.integers(0, 6_000))
def test_a_cache_of_any_size_changes_nothing(raws, max_bytes):
    cache = ResultCache(max_bytes, is_thorough=True)
    for raw in [*raws, *raws]:
        assert observed(run_graph(raw, FLOW, cache=cache)) == expected(raw)


@given(graphs())
def test_a_repeated_run_computes_output_nodes_alone(raw):
    cache = ResultCache(10**6)
    run_graph(raw, FLOW, cache=cache)
    assert all(node_id.startswith("end") for node_id in run_graph(raw, FLOW, cache=cache).ids)


@given(graphs(others=["Fail", "Fail"]), st.sampled_from([1, 3]))
def test_just_what_reads_a_failure_is_missing(raw, workers):
    assert observed(run_graph(raw, FLOW, workers=workers)) == expected(raw)


@given(graphs(others=["Fail"]))
def test_after_a_fix_a_run_goes_on_from_the_failures(raw):
    fixed = {node_id: node | {"inputs": node["inputs"] | {"at": -1}} for node_id, node in raw.items()}
    changed = {node_id for node_id, node in raw.items() if node["class_type"] == "Fail"}
    cache = ResultCache(10**6)
    first = run_graph(raw, FLOW, cache=cache).ids
    second = run_graph(fixed, FLOW, cache=cache)
    assert observed(second) == expected(fixed)
    again = {node_id for node_id in second.ids if node_id in first and not node_id.startswith("end")}
    assert all(changed & _ancestors(raw, node_id.partition(".")[0]) for node_id in again)


def _ancestors(raw, node_id):
    sources = [value[0] for value in raw[node_id]["inputs"].values() if isinstance(value, list)]
    return {node_id}.union(*(_ancestors(raw, source) for source in sources))

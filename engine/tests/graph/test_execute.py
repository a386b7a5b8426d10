import weakref

import pytest
from arithmetic import NODES, Recorder, add, files, show, value

from studio_engine.errors import EngineError
from studio_engine.graph.cache import ResultCache
from studio_engine.graph.execute import execute
from studio_engine.graph.parse import parse_graph
from studio_engine.graph.plan import plan
from studio_engine.graph.validate import validate_graph


def explain(error):
    return EngineError("engine.out_of_memory") if isinstance(error, MemoryError) else None


def run(raw, *, cache=None, ctx=None, namespace="team"):
    """Runs a graph; returns what was shown and the ids that ran, in order."""
    ctx = ctx or Recorder()
    graph = validate_graph(parse_graph(raw), NODES, files)
    steps = plan(graph, NODES, namespace=namespace, fingerprint=lambda folder, name: "v1")
    ran = []

    def on_node(step, event):
        if event == "running":
            ran.append(step.node_id)

    execute(steps, ctx, ResultCache(10**6) if cache is None else cache, on_node=on_node, explain=explain)
    return ctx.shown, ran


SUM = {"1": value(2), "2": value(3), "3": add("1", "2"), "4": show("3")}


def test_a_graph_computes():
    assert run(SUM) == ([5.0], ["1", "2", "3", "4"])


def test_every_output_node_runs():
    assert sorted(run(SUM | {"5": show("1"), "6": show("1")})[0]) == [2.0, 2.0, 5.0]


def test_equal_nodes_run_once():
    assert run({"1": value(2), "2": value(2), "3": add("1", "2"), "4": show("3")}) == ([4.0], ["1", "3", "4"])


def test_an_unchanged_prefix_is_not_computed_again():
    cache = ResultCache(10**6)
    run(SUM, cache=cache)
    assert run(SUM, cache=cache) == ([5.0], ["4"])
    assert run(SUM | {"2": value(4)}, cache=cache) == ([6.0], ["2", "3", "4"])


def test_another_namespace_computes_for_itself():
    cache = ResultCache(10**6)
    run(SUM, cache=cache)
    assert run(SUM, cache=cache, namespace="other team")[1] == ["1", "2", "3", "4"]


def test_what_the_cache_drops_during_a_run_is_still_at_hand():
    entry = ResultCache(10**6)
    run({"1": value(1), "2": show("1")}, cache=entry)
    cache = ResultCache(entry.size_bytes)
    run({"1": value(2), "2": show("1")}, cache=cache)
    # Node 1 is found; keeping node 2's result then drops it while node 3 still needs it.
    assert run(SUM, cache=cache) == ([5.0], ["2", "3", "4"])


@pytest.mark.parametrize(
    ("how", "code", "sentence"),
    [
        ("raise", "engine.node_failed", "Node 1 (Break) failed; check its inputs. ZeroDivisionError: by zero"),
        ("coded", "model.file_missing", "put it into the models folder"),
        ("nan", "engine.non_finite", "lower CFG"),
        ("memory", "engine.out_of_memory", "use a smaller size"),
        ("arity", "engine.internal", "Break gave 0 outputs instead of 1"),
    ],
)
def test_a_failure_is_coded_and_names_its_node(how, code, sentence):
    cache = ResultCache(10**6)
    with pytest.raises(EngineError) as caught:
        run({"1": {"class_type": "Break", "inputs": {"how": how}}, "2": show("1")}, cache=cache)
    assert caught.value.code == code
    assert sentence in caught.value.message
    assert (caught.value.node_id, caught.value.node_class) == ("1", "Break")
    assert cache.size_bytes == 0


def test_what_was_computed_before_a_failure_is_kept():
    cache = ResultCache(10**6)
    broken = {
        "1": value(2),
        "2": {"class_type": "Break", "inputs": {"how": "raise"}},
        "3": add("1", "2"),
        "4": show("3"),
    }
    with pytest.raises(EngineError):
        run(broken, cache=cache)
    assert run(SUM, cache=cache)[1] == ["2", "3", "4"]


@pytest.mark.parametrize("checks", range(4))
def test_a_cancelled_run_stops_before_its_next_node(checks):
    ctx = Recorder(cancel_after=checks)
    with pytest.raises(EngineError, match="cancelled") as caught:
        run(SUM, ctx=ctx)
    assert caught.value.code == "job.cancelled"
    assert ctx.shown == []


def test_a_result_that_nothing_reads_any_more_is_let_go():
    made = []
    alive = []

    class Watching(Recorder):
        def save_image(self, images, *, prefix, is_temporary=False):
            made.append(weakref.ref(images))
            alive.append(sum(each() is not None for each in made))

    chain = {"0": value(1)} | {str(i): add(str(i - 1)) | {"class_type": "Trace"} for i in range(1, 20)}
    run(chain | {"end": show("19")}, cache=ResultCache(0), ctx=Watching())
    # The tensor being read and the one being made.
    assert (len(alive), max(alive)) == (20, 2)


def test_a_thousand_nodes_run():
    chain = {"0": value(1)} | {str(i): add(str(i - 1)) for i in range(1, 999)} | {"end": show("998")}
    assert run(chain)[0] == [1.0]

import weakref

import pytest
from arithmetic import Recorder, add, show, value
from running import run_graph

from studio_engine.errors import EngineError
from studio_engine.graph.cache import ResultCache


def run(raw, *, ctx=None, **settings):
    """Runs a graph; returns what was shown and the ids that ran, in order."""
    ctx = ctx or Recorder()
    ran = run_graph(raw, ctx=ctx, **settings)
    assert not ran.outcome.failures
    return ctx.shown, ran.ids


def failures_of(raw, **settings):
    return run_graph(raw, **settings).outcome.failures


def broken(how):
    return {"class_type": "Break", "inputs": {"how": how}}


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
    failure = failures_of({"1": broken(how), "2": show("1")}, cache=cache)["1"]
    assert failure.error.code == code
    assert sentence in failure.error.message
    assert (failure.error.node_id, failure.error.node_class) == ("1", "Break")
    assert failure.outputs == ["2"]
    assert cache.size_bytes == 0


def test_what_does_not_depend_on_a_failure_is_finished_and_kept():
    cache, ctx = ResultCache(10**6), Recorder()
    raw = {"1": value(2), "2": broken("raise"), "3": add("1", "2"), "4": show("3"), "5": add("1"), "6": show("5")}
    ran = run_graph(raw, cache=cache, ctx=ctx)
    assert ran.outcome.finished_outputs == ["6"]
    assert ctx.shown == [2.0]
    # After the fix only the node that failed, and what reads it, is computed.
    assert run(raw | {"2": value(3)}, cache=cache) == ([5.0, 2.0], ["2", "3", "4", "6"])


def test_every_failure_is_told_with_the_outputs_that_it_stops():
    raw = {"1": broken("raise"), "2": broken("nan"), "3": add("1", "2"), "4": show("3"), "5": show("2")}
    failures = failures_of(raw)
    assert {node_id: failure.outputs for node_id, failure in failures.items()} == {"1": ["4"], "2": ["4", "5"]}


def test_a_failure_tells_what_the_node_was_given():
    raw = {"1": value(2), "2": {"class_type": "Mutate", "inputs": {"a": ["1", 0], "is_allowed": False}}, "3": show("2")}
    assert failures_of(raw)["2"].error.details["inputs"] == {"is_allowed": False, "a": "float32[1]"}


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


def test_a_failure_holds_none_of_the_tensors_of_its_node():
    made = []

    class Watching(Recorder):
        def save_image(self, images, *, prefix, is_temporary=False):
            big = images.clone()
            made.append(weakref.ref(big))
            raise ValueError("disk full")

    ran = run_graph({"1": value(1), "2": show("1")}, ctx=Watching())
    assert "disk full" in ran.outcome.failures["2"].error.message
    assert made[0]() is None


def mutate(source, *, is_allowed=False):
    return {"class_type": "Mutate", "inputs": {"a": [source, 0], "is_allowed": is_allowed}}


def test_a_node_that_changes_its_input_is_named_and_poisons_nothing():
    cache = ResultCache(10**6)
    raw = {"1": value(2), "2": mutate("1"), "3": show("2"), "4": add("1"), "5": show("4")}
    ran = run_graph(raw, cache=cache)
    error = ran.outcome.failures["2"].error
    assert (error.code, error.node_class) == ("engine.internal", "Mutate")
    # Neither the changed value nor what was made of it is ever seen again.
    assert run({"1": value(2), "4": add("1"), "5": show("4")}, cache=cache) == ([2.0], ["1", "4", "5"])


def test_a_node_may_change_a_copy():
    assert run({"1": value(2), "2": mutate("1", is_allowed=True), "3": show("2"), "4": show("1")})[0] == [3.0, 2.0]


def test_a_job_that_must_end_finishes_nothing_more():
    class Ending(Recorder):
        def save_image(self, images, *, prefix, is_temporary=False):
            raise EngineError("job.deadline_exceeded")

    cache = ResultCache(10**6)
    with pytest.raises(EngineError) as caught:
        run_graph({"1": value(1), "2": show("1"), "3": value(3), "4": show("3")}, cache=cache, ctx=Ending())
    assert (caught.value.code, caught.value.node_id) == ("job.deadline_exceeded", "2")
    assert run({"3": value(3), "4": show("3")}, cache=cache)[1] == ["3", "4"]


def test_a_result_that_was_let_go_of_is_found_or_made_again():
    # Both outputs read node 1; with room for nothing it is held until the last has read it.
    assert run({"1": value(1), "2": show("1"), "3": add("1"), "4": show("3")}, cache=ResultCache(0))[1] == [
        "1",
        "2",
        "3",
        "4",
    ]

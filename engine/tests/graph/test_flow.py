"""Lists, lazy inputs, blockers and made graphs, as ComfyUI has them."""

import pytest
from flow import FINGERPRINTS, FLOW, num
from running import run_graph

from studio_engine.graph.cache import ResultCache


def run(raw, **settings):
    return run_graph(raw, FLOW, **settings)


def told(raw, **settings):
    """What the node `end` showed; everything must have gone well."""
    ran = run(raw, **settings)
    assert not ran.outcome.failures
    return ran.texts.get("end")


def failure(raw, node_id):
    return run(raw).outcome.failures[node_id].error


def tell(source, slot=0):
    return num("Tell", value=[source, slot])


MANY = {"n": num("Many", count=3), "one": num("Number", amount=10)}


class TestLists:
    def test_a_node_runs_once_for_each_member(self):
        assert told(MANY | {"p": num("Plus", a=["n", 0], b=["one", 0]), "end": tell("p")}) == [10, 11, 12]

    def test_the_shorter_list_repeats_its_last(self):
        two = {"two": num("Many", count=2)}
        assert told(MANY | two | {"p": num("Plus", a=["n", 0], b=["two", 0]), "end": tell("p")}) == [0, 2, 3]

    def test_a_node_that_takes_lists_runs_once_with_widgets_as_lists_of_one(self):
        assert told(MANY | {"t": num("Total", values=["n", 0], weight=100), "end": tell("t")}) == [303]

    def test_lists_of_mapped_runs_are_joined(self):
        # Each of the numbers 0, 1 and 2 becomes as many numbers.
        nested = MANY | {"m": num("Many", count=["n", 0]), "end": tell("m")}
        assert told(nested) == [0, 0, 1]

    def test_an_empty_list_is_refused_where_a_node_would_run_for_each_member(self):
        raw = {"n": num("Many", count=0), "p": num("Plus", a=["n", 0], b=["n", 0]), "end": tell("p")}
        error = failure(raw, "p")
        assert (error.code, error.node_class) == ("engine.node_failed", "Plus")
        assert "empty list" in error.message

    def test_an_empty_list_is_a_value_to_a_node_that_takes_lists(self):
        assert told({"n": num("Many", count=0), "t": num("Total", values=["n", 0], weight=5), "end": tell("t")}) == [0]


class TestLazy:
    RAW = MANY | {"two": num("Number", amount=2)}

    def choose(self, which):
        return self.RAW | {
            "odd": num("Plus", a=["one", 0], b=["one", 0]),
            "even": num("Plus", a=["two", 0], b=["two", 0]),
            "c": num("Choose", which=[which, 0], odd=["odd", 0], even=["even", 0]),
            "end": tell("c"),
        }

    def test_only_what_is_wanted_is_computed(self):
        ran = run(self.choose("two"))
        assert ran.texts["end"] == [4]
        assert "odd" not in ran.ids

    def test_the_members_of_a_list_may_want_different_inputs(self):
        assert told(self.choose("n")) == [4, 20, 4]

    def test_wanting_goes_on_until_the_node_is_satisfied(self):
        raw = {
            "1": num("Number", amount=0),
            "2": num("Plus", a=["1", 0], b=["1", 0]),
            "3": num("Number", amount=5),
            "4": num("Plus", a=["3", 0], b=["3", 0]),
        }
        first = num("First", a=["1", 0], b=["2", 0], c=["4", 0])
        ran = run(raw | {"f": first, "end": tell("f")})
        assert ran.texts["end"] == [10]
        assert ran.ids == ["1", "2", "3", "4", "f", "end"]

    def test_wanting_what_is_not_linked_is_passed_over(self):
        assert told({"1": num("Number", amount=0), "f": num("First", a=["1", 0]), "end": tell("f")}) == [0]

    def test_a_failure_of_what_is_wanted_stops_the_node(self):
        raw = self.choose("two") | {"empty": num("Many", count=0), "even": num("Plus", a=["empty", 0], b=["two", 0])}
        failures = run(raw).outcome.failures
        assert failures["even"].outputs == ["end"]
        assert list(failures) == ["even"]

    def test_wanting_what_has_failed_already_stops_the_node(self):
        raw = self.choose("two") | {"empty": num("Many", count=0), "even": num("Plus", a=["empty", 0], b=["two", 0])}
        ran = run({"first": tell("even")} | raw)
        assert sorted(ran.outcome.failures["even"].outputs) == ["end", "first"]

    def test_a_failure_of_what_is_not_wanted_is_no_failure(self):
        raw = self.choose("two") | {"empty": num("Many", count=0), "odd": num("Plus", a=["empty", 0], b=["two", 0])}
        assert told(raw) == [4]


class TestBlockers:
    def test_what_reads_a_blocker_does_not_run(self):
        raw = MANY | {"s": num("Stop", value=["one", 0]), "p": num("Plus", a=["s", 0], b=["n", 0]), "end": tell("p")}
        assert told(raw) is None

    def test_members_of_a_list_are_blocked_one_by_one(self):
        raw = MANY | {"s": num("Stop", value=["n", 0], every=2), "p": num("Plus", a=["s", 0], b=["one", 0])}
        assert told(raw | {"end": tell("p")}) == [11]

    def test_one_blocker_blocks_a_node_that_takes_lists(self):
        raw = MANY | {"s": num("Stop", value=["n", 0], every=2), "t": num("Total", values=["s", 0])}
        assert told(raw | {"end": tell("t")}) is None

    def test_a_message_is_told_once_by_the_first_reader(self):
        raw = MANY | {
            "s": num("Stop", value=["one", 0], message="Not today."),
            "p": num("Plus", a=["s", 0], b=["one", 0]),
            "q": num("Plus", a=["p", 0], b=["one", 0]),
            "end": tell("q"),
        }
        failures = run(raw).outcome.failures
        assert {node_id: each.error.message for node_id, each in failures.items()} == {"p": "Not today."}

    def test_a_message_is_told_again_in_the_next_run(self):
        cache = ResultCache(10**6)
        raw = MANY | {
            "s": num("Stop", value=["n", 0], every=2, message="No even numbers."),
            "p": num("Plus", a=["s", 0], b=["one", 0]),
            "q": num("Plus", a=["p", 0], b=["one", 0]),
            "end": tell("q"),
        }
        for _ in range(2):
            ran = run(raw, cache=cache)
            assert ran.texts["end"] == [21]
            assert list(ran.outcome.failures) == ["p"]


class TestMadeGraphs:
    def test_a_node_can_give_a_graph_and_values(self):
        raw = MANY | {"t": num("Twice", value=["one", 0]), "end": tell("t"), "other": tell("t", 1)}
        ran = run(raw)
        assert (ran.texts["end"], ran.texts["other"]) == ([20], [10])
        # The made graph's `same` is the number that exists already.
        assert ran.ids == ["one", "t", "t.0.0.sum", "end", "other"]

    def test_each_member_of_a_list_makes_its_own(self):
        assert told(MANY | {"t": num("Twice", value=["n", 0]), "end": tell("t")}) == [0, 2, 4]

    def test_graphs_nest(self):
        assert told({"1": num("Number", amount=30), "c": num("Countdown", value=["1", 0]), "end": tell("c")}) == [465]

    def test_ids_in_deep_graphs_stay_short(self):
        deep = run({"1": num("Number", amount=300), "c": num("Countdown", value=["1", 0]), "end": tell("c")})
        assert deep.texts["end"] == [300 * 301 // 2]
        assert max(map(len, deep.ids)) <= 200
        assert len(set(deep.ids)) == len(deep.ids)

    def test_a_made_graph_is_not_computed_again(self):
        cache = ResultCache(10**6)
        raw = MANY | {"c": num("Countdown", value=["one", 0]), "end": tell("c")}
        run(raw, cache=cache)
        assert run(raw, cache=cache).ids == ["end"]
        # The countdown from 12 finds that from 10.
        longer = run(raw | {"one": num("Number", amount=12)}, cache=cache)
        assert longer.texts["end"] == [78]
        assert [each for each in longer.ids if each.endswith("sum")] == ["c.0.0.rest.0.0.sum", "c.0.0.sum"]

    def test_an_output_node_in_a_made_graph_runs_each_time_in_the_name_of_its_maker(self):
        cache = ResultCache(10**6)
        raw = MANY | {"s": num("Pass", value=["one", 0]), "end": tell("s")}
        for _ in range(2):
            assert run(raw, cache=cache).texts == {"s": [10], "end": [10]}

    @pytest.mark.parametrize(
        ("made", "code", "sentence"),
        [
            ({"a": "nowhere"}, "graph.invalid", "has a link to nowhere"),
            ({"a": "made"}, "graph.cycle", "cycle"),
            ({"a": "{own}"}, "graph.cycle", "links back to the node itself"),
            ({"a": "after"}, "graph.cycle", "links back to the node itself"),
            ({"a": "one", "kind": "Teleport"}, "graph.unknown_node", "no engine knows"),
            ({"a": ""}, "graph.invalid", "lacks the input a"),
            ({"a": "one", "slot": 3}, "graph.invalid", "there is none"),
        ],
    )
    def test_a_graph_that_cannot_run_names_its_maker(self, made, code, sentence):
        raw = MANY | {
            "m": num("Make", value=["one", 0], **made),
            "after": num("Plus", a=["m", 0], b=["one", 0]),
            "end": tell("after"),
            "fine": tell("n"),
        }
        ran = run(raw)
        error = ran.outcome.failures["m"].error
        assert (error.code, error.node_id, error.node_class) == (code, "m", "Make")
        assert sentence in error.message
        assert ran.outcome.failures["m"].outputs == ["end"]
        assert ran.texts["fine"] == [0, 1, 2]

    def test_a_graph_that_is_made_a_second_time_shows_its_outputs_once(self):
        # Nothing is kept, so what `p` gave is gone when the graph that `m` makes reads it.
        raw = MANY | {"p": num("Pass", value=["one", 0]), "first": tell("p")}
        ran = run(raw | {"m": num("Make", a="p"), "end": tell("m")}, cache=ResultCache(0))
        assert ran.ids.count("p") == 2
        assert ran.texts == {"p": [10], "first": [10], "end": [11]}

    def test_an_id_that_exists_already_is_refused(self):
        raw = MANY | {"m": num("Make", a="one"), "m.0.0.made": num("Number", amount=1)}
        error = failure(raw | {"other": tell("m.0.0.made"), "end": tell("m"), "fine": tell("one")}, "m")
        assert error.code == "graph.invalid"
        assert "exists already" in error.message

    def test_a_failure_within_names_the_node_of_the_users_graph(self):
        raw = MANY | {"t": num("Make", kind="Plus", a="text"), "text": num("Text", text="x"), "end": tell("t")}
        error = failure(raw | {"other": tell("text")}, "t")
        assert (error.node_id, error.node_class) == ("t", "Plus")

    def test_a_loop_without_end_is_stopped(self, monkeypatch):
        monkeypatch.setattr("studio_engine.graph.execute.MAX_EXPANDED", 50)
        error = failure({"1": num("Number", amount=99), "c": num("Countdown", value=["1", 0]), "end": tell("c")}, "c")
        assert "end the loop" in error.message

    def test_nodes_see_their_id_and_what_the_graph_has_become(self):
        raw = MANY | {
            "t": num("Twice", value=["one", 0]),
            "who": num("Who", after=["t", 0]),
            "end": tell("who"),
            "id": tell("who", 1),
        }
        ran = run(raw)
        assert (ran.texts["end"], ran.texts["id"]) == ([2], ["who"])

    def test_a_node_may_ask_for_the_link_itself(self):
        assert told(MANY | {"p": num("Peek", link=["n", 0]), "end": tell("p")}) == ["Many 0"]


class TestKeys:
    def test_equal_nodes_that_are_not_idempotent_run_each(self):
        pair = {"a": num("Label", value=["one", 0]), "b": num("Label", value=["one", 0])}
        assert run(MANY | pair | {"x": tell("a"), "y": tell("b")}).ids == ["one", "a", "x", "b", "y"]

    def test_a_node_that_sees_its_id_shares_no_result(self):
        raw = MANY | {"a": num("Who"), "b": num("Who"), "x": tell("a", 1), "y": tell("b", 1)}
        assert run(raw).texts == {"x": ["a"], "y": ["b"]}

    def test_another_fingerprint_runs_the_node_and_what_follows_again(self):
        cache = ResultCache(10**6)
        raw = MANY | {"t": num("Today", value=1), "p": num("Plus", a=["t", 0], b=["one", 0]), "end": tell("p")}
        run(raw, cache=cache)
        assert run(raw, cache=cache).ids == ["end"]
        FINGERPRINTS[1] = "tomorrow"
        assert run(raw, cache=cache).ids == ["t", "p", "end"]

    def test_a_fingerprint_that_fails_runs_the_node_each_time(self):
        cache = ResultCache(10**6)
        raw = MANY | {"t": num("Today", value=-1), "p": num("Plus", a=["t", 0], b=["one", 0]), "end": tell("p")}
        for nonce in ("first", "second"):
            assert {"t", "p"} <= set(run(raw, cache=cache, nonce=nonce).ids)

    def test_a_linked_file_name_stands_for_all_files_of_the_folder(self):
        raw = {"1": num("Text", text="a.bin"), "2": num("Named", file=["1", 0]), "end": tell("2")}
        assert told(raw) == [5]


def test_inputs_with_names_that_are_none_in_python_come_together():
    assert told({"w": num("Weights", **{"in.0.": 4, "in.1.": 2}), "end": tell("w")}) == [42]


@pytest.mark.parametrize("workers", [2, 4])
def test_independent_nodes_run_at_the_same_time(workers):
    raw = {str(i): num("Meet", parties=workers, number=i) for i in range(workers)}
    ends = {f"end{i}": tell(str(i)) for i in range(workers)}
    ran = run(raw | ends, workers=workers)
    assert ran.texts == {f"end{i}": [i] for i in range(workers)}


def test_one_worker_runs_in_running_order():
    raw = MANY | {"x": tell("one"), "y": tell("n")}
    assert run(raw).ids == ["one", "x", "n", "y"]

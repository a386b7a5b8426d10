import pytest
from loop import LOOP
from running import run_graph

from studio_engine.graph.cache import ResultCache


def counting(*, start, step, end):
    """Adds `step` while the number is less than `end`."""
    return {
        "start": {"class_type": "Number", "inputs": {"amount": start}},
        "step": {"class_type": "Number", "inputs": {"amount": step}},
        "end": {"class_type": "Number", "inputs": {"amount": end}},
        "while": {"class_type": "While", "inputs": {"condition": ["step", 0], "value": ["start", 0]}},
        "sum": {"class_type": "Plus", "inputs": {"a": ["while", 1], "b": ["step", 0]}},
        "again": {"class_type": "Less", "inputs": {"a": ["sum", 0], "b": ["end", 0]}},
        "loop": {
            "class_type": "EndWhile",
            "inputs": {"flow": ["while", 0], "condition": ["again", 0], "value": ["sum", 0]},
        },
        "tell": {"class_type": "Tell", "inputs": {"value": ["loop", 0]}},
    }


@pytest.mark.parametrize(("end", "told"), [(1, [2]), (9, [10]), (100, [100])])
def test_a_loop_turns_until_its_condition_is_zero(end, told):
    ran = run_graph(counting(start=0, step=2, end=end), LOOP)
    assert not ran.outcome.failures
    assert ran.texts["tell"] == told


def test_a_loop_that_is_not_begun_gives_nothing():
    assert run_graph(counting(start=0, step=0, end=9), LOOP).texts == {}


def test_a_longer_loop_goes_on_from_the_turns_that_are_known():
    cache = ResultCache(10**6)
    run_graph(counting(start=0, step=2, end=100), LOOP, cache=cache)
    ran = run_graph(counting(start=0, step=2, end=104), LOOP, cache=cache)
    assert ran.texts["tell"] == [104]
    # Sums of turns that were there before are not made again.
    assert ran.classes.count("Plus") == 2

"""The policy as a specification: any line of waiting requests, any samplers under way."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from studio_engine.denoise.policy import Batch, Expected, Wait, Waiting, plan_batch

KEYS = st.sampled_from(["a", "b", "c"])
TIMES = st.floats(0, 10)
LIMITS = st.fixed_dictionaries({"a": st.integers(1, 16), "b": st.integers(1, 16), "c": st.integers(1, 16)})
EXPECTED = st.lists(st.builds(Expected, key=KEYS, until=TIMES), max_size=6)


@st.composite
def lines(draw: st.DrawFn) -> list[Waiting]:
    members = draw(st.lists(st.tuples(KEYS, st.integers(1, 8)), min_size=1, max_size=10))
    return [Waiting(number, key, rows) for number, (key, rows) in enumerate(members)]


def planned(
    waiting: list[Waiting], expected: list[Expected], limits: Mapping[Hashable, int], now: float
) -> Batch | Wait:
    return plan_batch(waiting, expected, row_limit=lambda key: limits[key], now=now)


@given(lines(), EXPECTED, LIMITS, TIMES)
def test_only_equal_keys_meet_and_only_as_many_rows_as_pay(
    waiting: list[Waiting], expected: list[Expected], limits: dict[Hashable, int], now: float
) -> None:
    step = planned(waiting, expected, limits, now)
    if isinstance(step, Batch):
        chosen = [each for each in waiting if each.number in step.numbers]
        assert len({each.key for each in chosen}) == 1
        assert len(chosen) == 1 or sum(each.rows for each in chosen) <= limits[chosen[0].key]


@given(lines(), LIMITS, TIMES)
def test_with_nobody_expected_the_oldest_goes_at_once(
    waiting: list[Waiting], limits: dict[Hashable, int], now: float
) -> None:
    step = planned(waiting, [], limits, now)
    assert isinstance(step, Batch)
    assert waiting[0].number in step.numbers


@given(lines(), EXPECTED, LIMITS, TIMES)
def test_a_wait_ends(waiting: list[Waiting], expected: list[Expected], limits: dict[Hashable, int], now: float) -> None:
    step = planned(waiting, expected, limits, now)
    if isinstance(step, Wait):
        assert now < step.until <= max(each.until for each in expected)
        # Nobody came: something is computed by the time that everyone expected is late.
        assert isinstance(planned(waiting, expected, limits, max(each.until for each in expected)), Batch)


@given(lines(), EXPECTED, LIMITS, TIMES)
def test_whoever_waits_has_room_for_someone_expected(
    waiting: list[Waiting], expected: list[Expected], limits: dict[Hashable, int], now: float
) -> None:
    if isinstance(planned(waiting, expected, limits, now), Wait):
        for key in {each.key for each in waiting}:
            assert sum(each.rows for each in waiting if each.key == key) < limits[key]
            assert any(each.key == key and each.until > now for each in expected)


@given(lines(), EXPECTED, LIMITS, TIMES)
def test_an_older_request_of_the_same_key_is_passed_over_only_when_it_does_not_fit(
    waiting: list[Waiting], expected: list[Expected], limits: dict[Hashable, int], now: float
) -> None:
    step = planned(waiting, expected, limits, now)
    if isinstance(step, Batch):
        chosen = [each for each in waiting if each.number in step.numbers]
        left = [each for each in waiting if each.key == chosen[0].key and each.number not in step.numbers]
        room = limits[chosen[0].key] - sum(each.rows for each in chosen)
        assert all(each.number > chosen[0].number and each.rows > room for each in left)


@given(lines(), LIMITS)
def test_everyone_is_served_in_as_many_turns_as_there_are_requests(
    waiting: list[Waiting], limits: dict[Hashable, int]
) -> None:
    left = waiting
    for _ in waiting:
        if left:
            step = planned(left, [], limits, 0.0)
            assert isinstance(step, Batch)
            left = [each for each in left if each.number not in step.numbers]
    assert left == []


def test_another_key_does_not_wait_with_the_oldest() -> None:
    waiting = [Waiting(1, "a", 1), Waiting(2, "b", 1)]
    assert planned(waiting, [Expected("a", 5.0)], {"a": 4, "b": 4}, 1.0) == Batch((2,))
    assert planned(waiting, [Expected("a", 5.0)], {"a": 4, "b": 4}, 5.0) == Batch((1,))
    assert planned(waiting[:1], [Expected("a", 5.0)], {"a": 4}, 1.0) == Wait(5.0)

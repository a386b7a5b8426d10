from studio_engine.denoise.profile import Profile


def learned(seconds_of: dict[int, float], tries: int = 3) -> Profile:
    profile = Profile()
    for rows, seconds in seconds_of.items():
        for _ in range(tries):
            profile.record("k", rows, seconds)
    return profile


def test_a_shape_never_seen_starts_with_one_request() -> None:
    assert Profile().row_limit("k") == 1


def test_more_rows_are_tried_until_they_no_longer_pay() -> None:
    assert learned({2: 1.0}).row_limit("k") == 4
    assert learned({2: 1.0, 4: 1.2, 8: 1.5}).row_limit("k") == 16
    assert learned({2: 1.0, 4: 1.2, 8: 2.4}).row_limit("k") == 4


def test_where_rows_cost_what_they_cost_alone_nothing_is_joined() -> None:
    assert learned({2: 1.0, 4: 1.99}).row_limit("k") == 2


def test_one_slow_forward_decides_nothing() -> None:
    profile = learned({2: 1.0})
    profile.record("k", 4, 9.0)
    assert profile.row_limit("k") == 4


def test_what_did_not_pay_is_tried_again_later() -> None:
    profile = learned({2: 1.0, 4: 2.0})
    for _ in range(400):
        profile.record("k", 2, 1.0)
    assert profile.row_limit("k") == 4


def test_rows_that_did_not_fit_into_memory_are_halved() -> None:
    profile = learned({2: 1.0, 4: 1.0, 8: 1.0})
    profile.record_out_of_memory("k", 12)
    assert profile.row_limit("k") == 6


def test_keys_are_forgotten_least_recently_used_first() -> None:
    profile = learned({2: 1.0})
    for number in range(255):
        profile.record(number, 1, 1.0)
    assert profile.row_limit("k") == 4
    profile.record("one more", 1, 1.0)
    assert profile.row_limit("k") == 1

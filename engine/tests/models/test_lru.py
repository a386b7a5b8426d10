from hypothesis import given
from hypothesis import strategies as st

from studio_engine.models.lru import ByteLru


@given(st.integers(1, 50), st.lists(st.tuples(st.integers(0, 9), st.integers(1, 30)), max_size=60))
def test_the_bound_holds_but_for_the_newest_entry(bound: int, uses: list[tuple[int, int]]) -> None:
    store: ByteLru[int, int] = ByteLru(bound, lambda size: size)
    for key, size in uses:
        kept = store.get_or_add(key, lambda size=size: size)
        assert store.keys()[-1] == key
        assert store.size_bytes <= max(bound, kept)


def test_room_is_made_before_loading() -> None:
    store: ByteLru[str, int] = ByteLru(10, lambda size: size)
    store.get_or_add("old", lambda: 8)
    store.get_or_add("new", lambda: len(store.keys()) or 5, expected_bytes=6)
    assert store.keys() == ["new"]

import gc
import threading
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from studio_engine.models.lru import ByteLru


@dataclass(eq=False)
class Value:
    size: int


def new_store(max_bytes: int) -> ByteLru[str, Value]:
    return ByteLru(max_bytes, lambda value: value.size)


@given(st.integers(1, 50), st.lists(st.tuples(st.integers(0, 9), st.integers(1, 30)), max_size=60))
def test_the_bound_holds_but_for_the_newest_entry(bound: int, uses: list[tuple[int, int]]) -> None:
    store = new_store(bound)
    for key, size in uses:
        kept = store.get_or_add(str(key), lambda size=size: Value(size))
        assert store.keys()[-1] == str(key)
        assert store.size_bytes <= max(bound, kept.size)
        assert store.size_bytes == sum(store.sizes().values())


def test_room_is_made_before_loading() -> None:
    store = new_store(10)
    store.get_or_add("old", lambda: Value(8))
    store.get_or_add("new", lambda: Value(len(store.keys()) or 5), expected_bytes=6)
    assert store.sizes() == {"new": 5}


def test_the_least_recently_used_go_first_when_room_is_asked_for() -> None:
    store = new_store(100)
    for key in ("a", "b", "c"):
        store.get_or_add(key, lambda: Value(10))
    store.get("a")
    assert store.evict(11) == 20
    assert store.keys() == ["a"]
    assert store.evict(1000) == 10


def test_a_dropped_value_that_is_still_held_is_not_made_again() -> None:
    store = new_store(10)
    held = store.get_or_add("held", lambda: Value(8))
    store.get_or_add("other", lambda: Value(8))
    assert "held" not in store
    assert store.get("held") is held
    assert store.sizes() == {"held": 8}
    del held
    store.evict(8)
    gc.collect()
    assert store.get("held") is None


def test_threads_that_want_one_value_make_it_once() -> None:
    store, made = new_store(100), []
    begin = threading.Barrier(4)

    def make() -> Value:
        made.append(1)
        return Value(1)

    def use() -> None:
        begin.wait()
        store.get_or_add("a", make)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_value_that_cannot_be_made_is_tried_again() -> None:
    store = new_store(100)

    def fail() -> Value:
        raise ValueError

    for _ in range(2):
        try:
            store.get_or_add("a", fail)
        except ValueError:
            continue
    assert store.get_or_add("a", lambda: Value(3)).size == 3

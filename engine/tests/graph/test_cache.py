from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from studio_engine.graph.cache import ResultCache
from studio_engine.graph.measure import ENTRY_BYTES, is_finite, size_bytes


@dataclass(frozen=True)
class Pair:
    left: object
    right: object


def kilobyte():
    return torch.zeros(256)


def test_nested_tensors_are_counted():
    assert size_bytes((Pair(kilobyte(), [kilobyte()]), {"a": "text"})) == 2 * 1024 + 4 + 3 * ENTRY_BYTES


def test_views_count_the_storage_that_they_keep_alive_once():
    whole = torch.zeros(1024)
    assert size_bytes((whole[:1], whole[1:2])) == 4096 + 2 * ENTRY_BYTES


def test_loaded_models_cannot_be_counted_and_are_not_kept():
    cache = ResultCache(10**6)
    outputs = (Pair(nn.Linear(2, 2), 1), kilobyte())
    assert size_bytes(outputs) is None
    cache.put("model", outputs)
    assert cache.get("model") is None


def test_a_service_behind_a_handle_is_not_searched():
    @dataclass
    class Store:
        weights: torch.Tensor

    handle = Pair(Store(torch.tensor([float("nan")])), 1)
    assert size_bytes(handle) is None
    assert is_finite(handle)


def test_poisoned_numbers_are_seen_at_any_depth():
    assert is_finite((Pair(kilobyte(), torch.tensor([1])), "text"))
    assert not is_finite((Pair(kilobyte(), [torch.tensor([float("nan")])]),))
    assert not is_finite(torch.tensor([float("-inf")], dtype=torch.bfloat16))


def test_the_least_recently_used_goes_first():
    cache = ResultCache(2 * (1024 + ENTRY_BYTES))
    cache.put("a", (kilobyte(),))
    cache.put("b", (kilobyte(),))
    cache.get("a")
    cache.put("c", (kilobyte(),))
    assert [cache.get(key) is not None for key in "abc"] == [True, False, True]


def test_what_is_larger_than_the_cache_is_not_kept_and_drops_nothing():
    cache = ResultCache(2048)
    cache.put("small", (kilobyte(),))
    cache.put("large", (torch.zeros(10_000),))
    assert cache.get("small") is not None
    assert cache.get("large") is None


def test_memory_that_is_wanted_back_comes_from_the_least_recently_used():
    cache, each = ResultCache(10**6), 1024 + ENTRY_BYTES
    for key in "abc":
        cache.put(key, (kilobyte(),))
    cache.get("a")
    assert cache.evict(each + 1) == 2 * each
    assert [cache.get(key) is not None for key in "abc"] == [True, False, False]
    assert cache.evict(10**9) == each
    assert cache.size_bytes == 0


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3000)), max_size=40))
def test_the_bound_holds_and_the_count_is_right(puts):
    cache = ResultCache(8_000)
    for key, numbers in puts:
        cache.put(key, (torch.zeros(numbers),))
        assert cache.size_bytes <= 8_000
        kept = [each for each in (cache.get(name) for name in "abcdef") if each is not None]
        assert cache.size_bytes == sum(size_bytes(each) for each in kept)


@pytest.mark.parametrize("is_thorough", [False, True])
def test_an_entry_that_was_changed_in_place_is_not_given_out(is_thorough):
    cache = ResultCache(10**6, is_thorough=is_thorough)
    tensor = torch.zeros(4)
    cache.put("a", ((Pair(tensor, 1),),))
    assert cache.get("a") is not None
    tensor[1:2] += 1
    assert (cache.get("a"), cache.size_bytes) == (None, 0)


def test_a_thorough_cache_sees_changes_that_torch_does_not_count():
    cache = ResultCache(10**6, is_thorough=True)
    tensor = torch.zeros(4)
    cache.put("a", ((tensor,),))
    tensor.numpy()[0] = 1
    assert cache.get("a") is None


def test_a_result_made_in_inference_mode_can_be_kept():
    with torch.inference_mode():
        tensor = torch.zeros(4)
    cache = ResultCache(10**6)
    cache.put("a", ((tensor,),))
    assert cache.get("a") is not None


def test_several_threads_may_use_it():
    cache = ResultCache(20 * (64 * 4 + ENTRY_BYTES))

    def work(seed):
        for i in range(300):
            key = str((seed * 7 + i) % 40)
            found = cache.get(key)
            assert found is None or found[0][0][0].item() == int(key)
            cache.put(key, ((torch.full((64,), float(key)),),))
            if i % 97 == 0:
                cache.drop(key)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work, seed) for seed in range(4)]:
            future.result()
    kept = [each for each in (cache.get(str(key)) for key in range(40)) if each is not None]
    assert cache.size_bytes == sum(size_bytes(each) for each in kept)


def test_numbers_of_any_kind_are_judged():
    assert is_finite(torch.zeros(0))
    assert is_finite(torch.ones(3).to(torch.float8_e4m3fn))
    assert not is_finite(torch.tensor([1.0, float("nan"), 2.0]).to(torch.float8_e4m3fn))
    assert is_finite(torch.tensor([2**40]))

"""Making room before memory is needed, and what happens when it ran out all the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from studio_engine.errors import EngineError
from studio_engine.runtime.free_memory import _UNKNOWN, _group_bytes, available_bytes
from studio_engine.runtime.memory import HOST, MemoryPool, as_out_of_memory, check_fits, is_out_of_memory

GB = 10**9


@dataclass
class Shelf:
    """Keeps things of one size."""

    size_bytes: int
    asked: list[int] = field(default_factory=list)

    def evict(self, wanted_bytes: int) -> int:
        self.asked.append(wanted_bytes)
        freed = min(wanted_bytes, self.size_bytes)
        self.size_bytes -= freed
        return freed


def pool(free: int, *shelves: Shelf, budget: int | None = None) -> MemoryPool:
    """A machine with `free` bytes besides what the shelves hold."""
    total = free + sum(shelf.size_bytes for shelf in shelves)
    made = MemoryPool(HOST, budget, lambda device: total - sum(shelf.size_bytes for shelf in shelves))
    for shelf in shelves:
        made.add_keeper(shelf)
    return made


def test_what_fits_evicts_nothing() -> None:
    shelf = Shelf(GB)
    pool(2 * GB, shelf).make_room(2 * GB)
    assert shelf.size_bytes == GB


def test_no_more_is_evicted_than_is_missing_and_the_cheapest_first() -> None:
    results, models = Shelf(GB), Shelf(4 * GB)
    pool(GB, results, models).make_room(3 * GB)
    assert (results.size_bytes, models.size_bytes) == (0, 3 * GB)


def test_what_cannot_fit_is_refused_with_advice() -> None:
    with pytest.raises(EngineError, match="smaller size") as caught:
        pool(GB, Shelf(GB)).make_room(3 * GB)
    assert caught.value.code == "engine.out_of_memory"


def test_a_budget_counts_what_is_kept() -> None:
    models = Shelf(3 * GB)
    pool(100 * GB, models, budget=4 * GB).make_room(2 * GB)
    assert models.size_bytes == 2 * GB
    with pytest.raises(EngineError):
        pool(100 * GB, budget=4 * GB).make_room(5 * GB)


sizes = st.integers(0, 10 * GB)


# Each example may collect garbage, which takes half a second in a process that has loaded torch.
@settings(max_examples=20, deadline=None)
@given(sizes, sizes, sizes, st.none() | sizes, sizes)
def test_after_making_room_there_is_room(free: int, results: int, models: int, budget: int | None, needed: int) -> None:
    shelves = Shelf(results), Shelf(models)
    made = pool(free, *shelves, budget=budget)
    try:
        made.make_room(needed)
    except EngineError:
        assert made.kept_bytes == 0
        assert needed > min(free + results + models, free + results + models if budget is None else budget)
    else:
        assert needed < 64 * 1024 * 1024 or made._free() >= needed


def failing(*_: object) -> str:
    raise torch.OutOfMemoryError("CUDA out of memory")


def test_what_fails_for_memory_is_done_in_parts_with_everything_evicted() -> None:
    shelf = Shelf(GB)
    assert pool(GB, shelf).first_that_fits(failing, lambda: f"{shelf.size_bytes} kept") == "0 kept"


def test_a_failure_in_parts_too_is_the_callers() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        pool(GB).first_that_fits(failing, failing)


def test_other_failures_are_not_tried_again() -> None:
    with pytest.raises(ZeroDivisionError):
        pool(GB).first_that_fits(lambda: str(1 // 0), lambda: "again")


def test_this_machine_has_some_memory_and_not_all() -> None:
    check_fits(1_000_000, HOST)
    with pytest.raises(EngineError, match="smaller size"):
        check_fits(available_bytes(HOST) + 10**12, HOST)


def write_group(folder: Path, limit: str) -> Path:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text("700\n")
    (folder / "memory.stat").write_text("anon 400\ninactive_file 100\nactive_file 9\n")
    return folder


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    assert _group_bytes(write_group(tmp_path, "1000")) == 400
    assert _group_bytes(write_group(tmp_path, "max")) == _UNKNOWN
    assert _group_bytes(tmp_path / "none") == _UNKNOWN


def test_a_failed_allocation_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    coded = as_out_of_memory(caught.value)
    assert coded is not None
    assert coded.code == "engine.out_of_memory"
    assert as_out_of_memory(MemoryError()) is not None
    assert is_out_of_memory(EngineError("engine.out_of_memory"))


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes"), ValueError("out of memory")])
def test_other_failures_are_not(error: Exception) -> None:
    assert as_out_of_memory(error) is None


def accelerator(free: int, shelf: Shelf, budget: int | None = None) -> MemoryPool:
    total = free + shelf.size_bytes
    made = MemoryPool(torch.device("cuda"), budget, lambda device: total - shelf.size_bytes)
    made.add_keeper(shelf)
    return made


def test_an_accelerator_keeps_a_quarter_free_to_compute_with() -> None:
    shelf = Shelf(4 * GB)
    assert accelerator(4 * GB, shelf).room_for_weights(10 * GB) == 6 * GB
    assert shelf.size_bytes == 2 * GB
    assert accelerator(100 * GB, Shelf(GB), budget=8 * GB).room_for_weights(10 * GB) == 6 * GB
    assert accelerator(100 * GB, Shelf(GB)).room_for_weights(10 * GB) == 10 * GB


def test_main_memory_takes_all_of_a_models_weights_or_none() -> None:
    assert pool(10 * GB).room_for_weights(9 * GB) == 9 * GB
    with pytest.raises(EngineError, match="smaller size"):
        pool(10 * GB).room_for_weights(11 * GB)

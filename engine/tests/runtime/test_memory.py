import pytest
import torch

from studio_engine.errors import EngineError
from studio_engine.runtime.memory import as_out_of_memory, available_bytes, check_fits

CPU = torch.device("cpu")


def test_what_fits_passes_and_what_does_not_is_refused_with_advice() -> None:
    check_fits(1_000_000, CPU)
    with pytest.raises(EngineError, match="smaller size") as caught:
        check_fits(available_bytes(CPU) + 10**12, CPU)
    assert caught.value.code == "engine.out_of_memory"


def test_a_failed_allocation_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    coded = as_out_of_memory(caught.value)
    assert coded is not None
    assert coded.code == "engine.out_of_memory"
    assert as_out_of_memory(MemoryError()) is not None


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes"), ValueError("out of memory")])
def test_other_failures_are_not(error: Exception) -> None:
    assert as_out_of_memory(error) is None

import json
from pathlib import Path

import pytest
import torch

from studio_engine.runtime.probe import Rates, choose_plan, cpu_model, physical_cores, plan_for

FOUR_CORES_TWO_THREADS = "".join(
    f"model name\t: Fast 9000\ncpu family\t: 25\nmodel\t\t: 17\nphysical id\t: 0\ncore id\t\t: {core}\n\n"
    for core in (0, 1, 2, 3, 0, 1, 2, 3)
)


@pytest.mark.parametrize(
    ("bf16", "dtype"),
    [
        ((300.0, 300.0), torch.bfloat16),
        ((300.0, 100.0), torch.float32),
        ((0.3, 0.3), torch.float32),
        ((None, None), torch.float32),
    ],
)
def test_bf16_is_used_only_where_it_was_measured_faster(
    bf16: tuple[float | None, float | None], dtype: torch.dtype
) -> None:
    plan = plan_for(Rates(100.0, 100.0, 120.0, *bf16, packed_gain=1.0), threads=2)
    assert (plan.unet_dtype, plan.is_channels_last, plan.threads) == (dtype, True, 2)


@pytest.mark.parametrize(("gain", "is_packed"), [(1.8, True), (1.02, False), (None, False)])
def test_weights_are_packed_only_where_that_was_measured_faster(gain: float | None, is_packed: bool) -> None:
    assert plan_for(Rates(100.0, 100.0, 120.0, None, None, gain), threads=2).is_packed == is_packed


def test_the_measurement_is_remembered(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        choose_plan(1, tmp_path / "probe.json")
        stored = json.loads((tmp_path / "probe.json").read_text())
        key = next(iter(stored))
        stored[key] |= dict.fromkeys(stored[key], 1.0) | {"bf16_linear": 9.0, "bf16_conv": 9.0}
        (tmp_path / "probe.json").write_text(json.dumps(stored))
        assert choose_plan(1, tmp_path / "probe.json").unet_dtype == torch.bfloat16
    finally:
        torch.set_num_threads(before)


def test_second_threads_of_a_core_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    assert physical_cores(FOUR_CORES_TWO_THREADS) == 4
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    assert physical_cores(FOUR_CORES_TWO_THREADS) == 2
    assert physical_cores("processor : 0\n") == 2


def test_the_cpu_is_named() -> None:
    assert cpu_model(FOUR_CORES_TWO_THREADS) == "Fast 9000 25 17"

"""PyTorch's files, read without unpickling: what is honest reads exactly, what is not is refused."""

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from studio_engine.checkpoint.safetensors_file import read_header, read_tensors
from studio_engine.errors import EngineError

DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.uint8, torch.bool]
IN_ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def saved(value: object, *, is_legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=not is_legacy)
    return buffer.getvalue()


def load(folder: Path, data: bytes) -> dict[str, Tensor]:
    path = folder / f"{abs(hash(data))}.pth"
    path.write_bytes(data)
    return read_tensors(read_header(path))


def refusal(folder: Path, data: bytes) -> str:
    with pytest.raises(EngineError) as caught:
        load(folder, data)
    assert caught.value.code == "model.file_corrupt"
    return caught.value.message


def load_or_refuse(folder: Path, data: bytes) -> dict[str, Tensor] | None:
    try:
        return load(folder, data)
    except EngineError as error:
        return None if error.code == "model.file_corrupt" else pytest.fail(error.message)


def random_tensor(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return (torch.rand(shape) * 100).to(dtype)


@IN_ONE_FOLDER
@given(st.lists(st.tuples(st.lists(st.integers(0, 4), max_size=4), st.sampled_from(DTYPES)), max_size=5), st.booleans())
def test_every_tensor_reads_exactly(
    tmp_path: Path, specs: list[tuple[list[int], torch.dtype]], is_legacy: bool
) -> None:
    tensors = {f"layer.{n}.weight": random_tensor(tuple(shape), dtype) for n, (shape, dtype) in enumerate(specs)}
    read = load(tmp_path, saved(tensors, is_legacy=is_legacy))
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)


@pytest.mark.parametrize("is_legacy", [False, True])
def test_windows_into_shared_numbers_read_exactly(tmp_path: Path, is_legacy: bool) -> None:
    whole = torch.rand(6, 8)
    tensors = {"whole": whole, "turned": whole.t(), "part": whole[1:5:2, 3:], "same": nn.Parameter(whole)}
    read = load(tmp_path, saved(tensors, is_legacy=is_legacy))
    for name, tensor in tensors.items():
        assert torch.equal(read[name], tensor)


@pytest.mark.parametrize("wrapper", ["state_dict", "params_ema", "params", "model_state_dict"])
def test_weights_are_taken_out_of_their_wrapper(tmp_path: Path, wrapper: str) -> None:
    whole = {wrapper: nn.Linear(2, 3).state_dict(), "optimizer": {"m": torch.zeros(9)}, "epoch": 3, "loss": 0.5}
    assert load(tmp_path, saved(whole)).keys() == {"weight", "bias"}


def test_other_nesting_shows_in_names(tmp_path: Path) -> None:
    embedding = {"string_to_token": {"*": 265}, "string_to_param": {"*": torch.ones(2, 3)}, "name": "x"}
    hypernetwork = {768: (OrderedDict(a=torch.ones(1)), OrderedDict(a=torch.ones(2)))}
    assert load(tmp_path, saved(embedding)).keys() == {"string_to_param.*"}
    assert load(tmp_path, saved(hypernetwork)).keys() == {"768.0.a", "768.1.a"}


def test_tensors_outlive_changes_to_their_copies_only(tmp_path: Path) -> None:
    data = saved({"a": torch.zeros(4)})
    load(tmp_path, data)["a"].add_(1)
    assert load(tmp_path, data)["a"].sum() == 0


class Program:
    """Pickles as a call of any function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


PROGRAMS = {
    "posix": Program(os.system, "touch /nowhere"),
    "builtins": Program(eval, "1"),
    "torch.hub": Program(torch.hub.load, "x", "y"),
    "importlib": Program(__import__("importlib").import_module, "os"),
    "operator": Program(__import__("operator").attrgetter, "x"),
}


@pytest.mark.parametrize("where", ["alone", "beside", "inside"])
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("is_legacy", [False, True])
def test_a_program_is_refused_wherever_it_stands(tmp_path: Path, name: str, where: str, is_legacy: bool) -> None:
    program = PROGRAMS[name]
    value: Any = {"alone": program, "beside": {"a": torch.ones(2), "b": program}, "inside": [[{"x": [program]}]]}[where]
    assert "which tensors do not need" in refusal(tmp_path, saved(value, is_legacy=is_legacy))


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    assert "torch.nn" in refusal(tmp_path, saved(nn.Linear(2, 2)))


def rewritten(data: bytes, change: Callable[[str, bytes], bytes], **settings: int) -> bytes:
    """The same archive with other contents, written by Python's zipfile."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", **settings) as new:  # type: ignore[arg-type]
        for info in old.infolist():
            new.writestr(info.filename, change(info.filename, old.read(info)))
    return buffer.getvalue()


def same(name: str, data: bytes) -> bytes:
    return data


def listing(replace: tuple[bytes, bytes]) -> Callable[[str, bytes], bytes]:
    return lambda name, data: data.replace(*replace) if name.endswith("data.pkl") else data


GOOD = saved({"a": torch.arange(12.0).reshape(3, 4)})


def with_entry(name: str) -> bytes:
    buffer = io.BytesIO(rewritten(GOOD, same))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(name, b"x")
    return buffer.getvalue()


def test_an_archive_rewritten_by_another_program_reads_too(tmp_path: Path) -> None:
    assert torch.equal(load(tmp_path, rewritten(GOOD, same))["a"], torch.arange(12.0).reshape(3, 4))


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (GOOD[:-1], "cut short"),
        (GOOD + b"x", "behind its end"),
        (b"PK\x03\x04" + GOOD, "end record"),
        (GOOD[:200], "cut short"),
        (rewritten(GOOD, same, compression=zipfile.ZIP_DEFLATED), "compressed"),
        (with_entry("archive/code/a.py"), "can be a program"),
        (with_entry("archive/constants.pkl"), "can be a program"),
        (with_entry("other/data.pkl"), "no PyTorch file"),
        (with_entry("archive/../x"), "forbidden name"),
        (with_entry("/etc/passwd"), "forbidden name"),
        (with_entry("archive/DATA.pkl"), "one name"),
        (rewritten(GOOD, lambda name, data: b"big" if name.endswith("byteorder") else data), "big-endian"),
        (rewritten(GOOD, listing((b"K\x03K\x04\x86", b"K\x09K\x04\x86"))), "beyond its numbers"),
        (rewritten(GOOD, listing((b"K\x0ct", b"K\x0dt"))), "not where its list says"),
        (rewritten(GOOD, listing((b"X\x01\x00\x00\x000q", b"X\x01\x00\x00\x009q"))), "not where its list says"),
        (rewritten(GOOD, lambda name, data: data + b"." if name.endswith("data.pkl") else data), "follows"),
        (rewritten(GOOD, lambda name, data: data[:-1] if name.endswith("data.pkl") else data), "damaged"),
        (rewritten(GOOD, listing((b"\x80\x02", b"\x80\x04"))), "PyTorch writes"),
        (saved({"a": torch.ones(2)}, is_legacy=True)[:-1], "cut short"),
        (saved({"a": torch.ones(2)}, is_legacy=True) + b"x", "belong to no tensor"),
        (pickle.dumps({"a": 1}, protocol=2), "no PyTorch file"),
        (pickle.dumps({"a": 1}, protocol=4), "pickle"),
    ],
)
def test_a_lying_file_is_refused_by_name(tmp_path: Path, data: bytes, fault: str) -> None:
    assert fault in refusal(tmp_path, data)


def test_damaged_numbers_are_found_when_they_are_read(tmp_path: Path) -> None:
    at = GOOD.index(struct.pack("<f", 7.0))
    assert "numbers are damaged" in refusal(tmp_path, GOOD[:at] + b"\x01" + GOOD[at + 1 :])


def test_deep_nesting_ends_in_a_refusal(tmp_path: Path) -> None:
    deep = b"\x80\x02" + b"]" * 200_000 + b"."
    data = rewritten(GOOD, lambda name, data: deep if name.endswith("data.pkl") else data)
    assert "nested too deeply" in refusal(tmp_path, data)


def test_a_dict_inside_itself_ends(tmp_path: Path) -> None:
    loop = b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s."
    assert load(tmp_path, rewritten(GOOD, lambda name, data: loop if name.endswith("data.pkl") else data)) == {}


@IN_ONE_FOLDER
@given(st.data(), st.booleans())
def test_no_change_of_bytes_crashes_or_alters_a_tensor_unnoticed(
    tmp_path: Path, data: st.DataObject, zipped: bool
) -> None:
    """In archives, whose checksums cover the numbers; older files have none."""
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2).half()}
    good = saved({"state_dict": tensors, "epoch": 3}, is_legacy=not zipped)
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    read = load_or_refuse(tmp_path, bytes(changed))
    if zipped and read is not None:
        assert all(name in tensors and torch.equal(read[name], tensors[name]) for name in read)


@IN_ONE_FOLDER
@given(st.binary(max_size=300))
def test_no_list_of_tensors_crashes(tmp_path: Path, raw: bytes) -> None:
    archive = rewritten(GOOD, lambda name, data: b"\x80\x02" + raw if name.endswith("data.pkl") else data)
    load_or_refuse(tmp_path, archive)


def test_words_and_numbers_beside_the_tensors_are_metadata(tmp_path: Path) -> None:
    torch.save(
        {"act": "relu", "step": 3, "is_normed": True, "nested": {"a": "b"}, "w": torch.ones(2)}, tmp_path / "a.pt"
    )
    header = read_header(tmp_path / "a.pt")
    assert header.metadata == {"act": "relu", "step": "3", "is_normed": "True"}
    assert list(header.tensors) == ["w"]

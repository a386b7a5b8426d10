"""The reader takes honest files bit for bit and refuses every other, naming the fault."""

import json
import struct
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from studio_engine.checkpoint.safetensors_file import read_header, read_tensors
from studio_engine.errors import EngineError

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def packed(header: object, data: bytes = b"\0" * 8, *, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(EngineError) as caught:
        read_tensors(read_header(path))
    assert caught.value.code == "model.file_corrupt"
    assert path.name in caught.value.message
    return caught.value.message


def test_every_dtype_is_read_bit_for_bit(tmp_path: Path) -> None:
    floats = {str(d): torch.randn(3, 5).to(d) for d in (torch.float16, torch.bfloat16, torch.float32, torch.float64)}
    others = {"i64": torch.arange(7), "u8": torch.arange(9, dtype=torch.uint8), "b": torch.tensor([True, False])}
    stored = {name.replace("torch.", ""): value for name, value in (floats | others).items()}
    save_file(stored, tmp_path / "a.safetensors", {"title": "x"})

    header = read_header(tmp_path / "a.safetensors")
    tensors = read_tensors(header)

    assert header.metadata == {"title": "x"}
    assert tensors.keys() == stored.keys()
    assert all(torch.equal(tensors[name], stored[name]) for name in stored)


@pytest.mark.parametrize("name", ["<cat>", "*", "my token", "string_to_param.*"])
def test_tensors_may_be_named_as_people_type(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.safetensors").write_bytes(packed({name: ENTRY}))
    assert set(read_header(tmp_path / "a.safetensors").tensors) == {name}


def test_unaligned_data_is_read(tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(packed(json.dumps({"a": ENTRY}).encode() + b" ", struct.pack("<2f", 1.5, -2.0)))
    assert read_tensors(read_header(path))["a"].tolist() == [1.5, -2.0]


def test_a_missing_file_is_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        read_header(tmp_path / "none.safetensors")
    assert caught.value.code == "model.file_missing"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "too short"),
        (b"\x00" * 9, "too short"),
        (b"PK\x03\x04" + b"\0" * 40, "cut short"),
        (b"\x80\x02}q\x00." + b"\0" * 40, "no PyTorch file"),
        (b"<!doctype html><html></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"\xff" * 64, "header"),
        (packed({"a": ENTRY}, length=2**40), "header"),
        (packed({"a": ENTRY}, length=500), "ends inside its header"),
        (packed(b"[1, 2, 3]"), "header"),
        (packed(b'{"a": '), "not valid JSON"),
        (packed(b'{"\xff": 1}'), "not valid JSON"),
        (packed(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{}}'), "twice"),
        (packed(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"), "nested"),
        (packed({"a": ENTRY}, b"\0" * 4), "ends before the data"),
        (packed({"a": ENTRY}, b"\0" * 12), "belong to no tensor"),
        (packed({"a": ENTRY, "b": ENTRY}), "overlap"),
        (packed({"a": ENTRY | {"data_offsets": [4, 12]}}, b"\0" * 12), "gap"),
        (packed({"a": ENTRY | {"shape": [3]}}), "shape of a"),
        (packed({"a": ENTRY | {"shape": [-2]}}), "impossible shape"),
        (packed({"a": ENTRY | {"shape": [2.0]}}), "impossible shape"),
        (packed({"a": ENTRY | {"shape": [True, 2]}}), "impossible shape"),
        (packed({"a": ENTRY | {"shape": [2] + [1] * 100}}), "impossible shape"),
        (packed({"a": ENTRY | {"data_offsets": [0, 2**64]}}), "impossible offsets"),
        (packed({"a": ENTRY | {"dtype": "F31"}}), "number format"),
        (packed({"a": ENTRY | {"extra": 1}}), "wrong fields"),
        (packed({"../a": ENTRY}), "forbidden characters"),
        (packed({"__proto__": ENTRY}), "forbidden characters"),
        (packed({"a\n": ENTRY}), "forbidden characters"),
        (packed({"\u0430": ENTRY}), "forbidden characters"),
        (packed({" a": ENTRY}), "forbidden characters"),
        (packed({"a": ENTRY, "__metadata__": {"x": {"y": "z"}}}), "metadata"),
        (packed({"a": ENTRY, "__metadata__": {"x": "y" * 1_100_000}}), "1 MB"),
    ],
)
def test_a_lying_file_is_refused_by_name(tmp_path: Path, content: bytes, fault: str) -> None:
    assert fault in refusal(tmp_path / "bad.safetensors", content)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_but_never_crashes(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "mutant.safetensors"
    save_file({"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(3)}, path, {"k": "v"})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(EngineError):
        tensors = read_tensors(read_header(path))
        assert sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()) <= len(content)

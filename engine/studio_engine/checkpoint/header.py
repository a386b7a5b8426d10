"""The JSON header of a .safetensors file, checked field by field before anything believes it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from studio_engine.checkpoint.refusal import refuse

MAX_TENSORS = 20_000
MAX_RANK = 8
MAX_METADATA_BYTES = 1_000_000
# A valid header nests root, tensor, list: 3. Counted before json.loads, whose recursion an attacker could exhaust.
MAX_DEPTH = 4

# Printable ASCII: textual inversions are named for what one types, such as `<cat>` or `*`.
_NAME = re.compile(r"(?!.*\.\.)(?!__)[!#-\[\]-~][ !#-\[\]-~]{0,511}")
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)

DTYPE_BYTES: Mapping[str, int] = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E5M2": 1,
    "F8_E4M3": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "F64": 8,
    "I64": 8,
    "U64": 8,
}


@dataclass(frozen=True)
class TensorEntry:
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class TorchEntry(TensorEntry):
    """A window into a run of numbers, which other tensors may share: `begin` and `end` are those of the run."""

    first: int
    """In elements, from the run's begin."""
    strides: tuple[int, ...]
    crc32: int
    """Of the run; 0 = not known."""


class _DuplicateKeyError(ValueError):
    pass


def parse_header(path: Path, raw: bytes) -> tuple[dict[str, str], dict[str, TensorEntry]]:
    """Metadata and tensor entries; raises `model.file_corrupt` with the fault named."""
    _check_depth(path, raw)
    try:
        root = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except _DuplicateKeyError as cause:
        raise refuse(path, f"its header names {cause} twice") from cause
    except (ValueError, RecursionError) as cause:
        raise refuse(path, "its header is not valid JSON") from cause
    if not isinstance(root, dict):
        raise refuse(path, "its header is not a table of tensors")
    metadata = _metadata(path, root.pop("__metadata__", {}))
    if len(root) > MAX_TENSORS:
        raise refuse(path, f"it names more than {MAX_TENSORS} tensors")
    return metadata, {name: _entry(path, name, value) for name, value in root.items()}


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result: dict[str, object] = {}
    for key, value in pairs:
        if key in result:
            raise _DuplicateKeyError(key[:100])
        result[key] = value
    return result


def _check_depth(path: Path, raw: bytes) -> None:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(raw):
        token = match[0]
        if token in (b"{", b"["):
            depth += 1
            if depth > MAX_DEPTH:
                raise refuse(path, "its header is nested too deeply")
        elif token in (b"}", b"]"):
            depth -= 1


def _metadata(path: Path, value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise refuse(path, "its metadata is not a table")
    result: dict[str, str] = {}
    for key, text in value.items():
        if not isinstance(text, str):
            raise refuse(path, "its metadata holds something else than text")
        result[str(key)] = text
    if sum(len(key) + len(text) for key, text in result.items()) > MAX_METADATA_BYTES:
        raise refuse(path, "its metadata is larger than 1 MB")
    return result


def _entry(path: Path, name: str, value: object) -> TensorEntry:
    if not _NAME.fullmatch(name):
        raise refuse(path, "a tensor has a name with forbidden characters")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise refuse(path, f"the entry of {name} has wrong fields")
    dtype = value["dtype"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise refuse(path, f"{name} has an unknown number format")
    shape = _naturals(value["shape"])
    offsets = _naturals(value["data_offsets"])
    if shape is None or len(shape) > MAX_RANK:
        raise refuse(path, f"{name} has an impossible shape")
    if offsets is None or len(offsets) != 2 or offsets[1] < offsets[0]:
        raise refuse(path, f"{name} has impossible offsets")
    if math.prod(shape) * DTYPE_BYTES[dtype] != offsets[1] - offsets[0]:
        raise refuse(path, f"the shape of {name} does not match its data")
    return TensorEntry(dtype, shape, offsets[0], offsets[1])


def _naturals(value: object) -> tuple[int, ...] | None:
    # `type(...) is int`: bool is an int to isinstance, and a float such as 2.0 must not pass either.
    if not isinstance(value, list) or any(type(item) is not int or not 0 <= item < 2**63 for item in value):
        return None
    return tuple(value)

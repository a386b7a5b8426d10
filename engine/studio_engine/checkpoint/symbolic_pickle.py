"""Reads the pickles of PyTorch files without running them: nothing is imported, nothing is called.

A pickle is a program. This machine knows the thirty-odd instructions that PyTorch's own files use, and of the functions
that they name only those that describe tensors; it notes what was described. Anything else is refused.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

MAX_PICKLE_BYTES: Final = 64 * 1024 * 1024
MAX_INSTRUCTIONS: Final = 5_000_000
_MAX_STACK: Final = 100_000
_MAX_RANK: Final = 8

STORAGE_TYPES: Final[Mapping[str, str]] = {
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "DoubleStorage": "F64",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "Float8_e4m3fnStorage": "F8_E4M3",
    "Float8_e5m2Storage": "F8_E5M2",
}
"""PyTorch's class -> the number format's name in safetensors."""

# What trainers leave beside the weights: noted as present, never looked into.
_INERT_PACKAGES: Final = ("pytorch_lightning.", "lightning.", "numpy.", "omegaconf.")
_INERT: Final = frozenset(
    {("_codecs", "encode"), ("numpy", "dtype"), ("numpy", "ndarray"), ("collections", "defaultdict")}
)


class PickleFaultError(ValueError):
    """What is wrong with the pickle, as the rest of a sentence that begins with "it"."""


@dataclass(frozen=True)
class Symbol:
    """A name that the pickle mentions; it stays a name."""

    module: str
    name: str


@dataclass(frozen=True)
class Inert:
    """Something that is no tensor and that nobody needs."""


@dataclass(frozen=True)
class Storage:
    """A run of numbers somewhere in the file."""

    dtype: str
    key: str
    count: int


@dataclass(frozen=True)
class TensorView:
    """A tensor: a window into a storage, in elements."""

    storage: Storage
    first: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


_MARK: Final = object()
_INERT_VALUE: Final = Inert()
_CONSTANTS: Final[Mapping[str, Any]] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LITERALS: Final = frozenset(
    {"BININT", "BININT1", "BININT2", "BINFLOAT", "LONG1", "BINUNICODE", "SHORT_BINSTRING", "BINSTRING"}
)


@dataclass(frozen=True)
class Content:
    value: Any
    """Plain values, `TensorView` and `Inert`."""
    storages: Mapping[str, Storage]
    """Every one that is mentioned, by key."""


def read_pickle(stream: io.BytesIO) -> Content:
    """What the next pickle of the stream describes.

    Raises `PickleFaultError`. The stream then stands behind it.
    """
    machine = _Machine()
    try:
        for number, (opcode, argument, position) in enumerate(pickletools.genops(stream)):
            if number == 0 and (opcode.name, argument) != ("PROTO", 2):
                raise PickleFaultError("it is not a pickle that PyTorch writes")
            if number > MAX_INSTRUCTIONS or (position or 0) > MAX_PICKLE_BYTES:
                raise PickleFaultError("its list of tensors is too long")
            if opcode.name == "STOP":
                return machine.result()
            machine.do(opcode.name, argument)
    except PickleFaultError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError, UnicodeError) as cause:
        raise PickleFaultError("its list of tensors is damaged") from cause
    raise PickleFaultError("its list of tensors is cut short")


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}
        self.actions: dict[str, Callable[[Any], None]] = {
            "PROTO": lambda argument: None,
            "GLOBAL": self.name,
            "BINPERSID": self.storage,
            "REDUCE": self.call,
            "NEWOBJ": self.call,
            "BUILD": self.build,
            "MARK": lambda argument: self.stack.append(_MARK),
            "EMPTY_DICT": lambda argument: self.stack.append({}),
            "EMPTY_LIST": lambda argument: self.stack.append([]),
            "TUPLE": lambda argument: self.stack.append(tuple(self.pop_to_mark())),
            "TUPLE1": lambda argument: self.stack.append(tuple(self.pop(1))),
            "TUPLE2": lambda argument: self.stack.append(tuple(self.pop(2))),
            "TUPLE3": lambda argument: self.stack.append(tuple(self.pop(3))),
            "APPEND": lambda argument: self.extend(self.pop(1)),
            "APPENDS": lambda argument: self.extend(self.pop_to_mark()),
            "SETITEM": lambda argument: self.update(self.pop(2)),
            "SETITEMS": lambda argument: self.update(self.pop_to_mark()),
            "BINPUT": self.remember,
            "LONG_BINPUT": self.remember,
            "BINGET": lambda argument: self.stack.append(self.memo[argument]),
            "LONG_BINGET": lambda argument: self.stack.append(self.memo[argument]),
        }

    def do(self, instruction: str, argument: Any) -> None:
        if instruction in _LITERALS:
            self.stack.append(argument)
        elif instruction in _CONSTANTS:
            self.stack.append(_CONSTANTS[instruction])
        elif instruction in self.actions:
            self.actions[instruction](argument)
        else:
            raise PickleFaultError(f"it uses the instruction {instruction}, which tensors do not need")
        if len(self.stack) > _MAX_STACK:
            raise PickleFaultError("its list of tensors is nested too deeply")

    def result(self) -> Content:
        [value] = self.stack
        return Content(value, self.storages)

    def pop(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise IndexError
        taken = self.stack[-count:]
        del self.stack[-count:]
        if any(value is _MARK for value in taken):
            raise ValueError
        return taken

    def pop_to_mark(self) -> list[Any]:
        taken: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            taken.append(value)
        return taken[::-1]

    def remember(self, number: int) -> None:
        if self.stack[-1] is _MARK:
            raise ValueError
        self.memo[number] = self.stack[-1]

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is list:
            target.extend(values)
        elif type(target) is not Inert:
            raise TypeError

    def update(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is dict:
            target.update(zip(values[::2], values[1::2], strict=True))
        elif type(target) is not Inert:
            raise TypeError

    def build(self, argument: Any) -> None:
        """Attributes of an object: of dicts (their `_metadata`) and of what is inert, and so of no use."""
        [_] = self.pop(1)
        if type(self.stack[-1]) not in (dict, Inert):
            raise TypeError

    def name(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        is_tensor = (module, name) in _CALLS or (module == "torch" and name in STORAGE_TYPES)
        if is_tensor:
            self.stack.append(Symbol(module, name))
        elif (module, name) in _INERT or f"{module}.".startswith(_INERT_PACKAGES):
            self.stack.append(_INERT_VALUE)
        else:
            raise PickleFaultError(f"it names {module}.{name}".replace("\n", " ")[:200] + ", which tensors do not need")

    def storage(self, argument: Any) -> None:
        """`('storage', type, key, device, count)`; older files add how the storage is a part of another."""
        [given] = self.pop(1)
        kind, symbol, key, _, count, *view = given
        is_right = kind == "storage" and type(symbol) is Symbol and symbol.module == "torch" and view in ([], [None])
        if not is_right or type(key) is not str or not _is_natural(count):
            raise ValueError
        storage = Storage(STORAGE_TYPES[symbol.name], key, count)
        if self.storages.setdefault(key, storage) != storage:
            raise PickleFaultError("it describes the same numbers in two ways")
        self.stack.append(storage)

    def call(self, argument: Any) -> None:
        function, arguments = self.pop(2)
        if type(arguments) is not tuple:
            raise TypeError
        if type(function) is Inert:
            self.stack.append(_INERT_VALUE)
            return
        self.stack.append(_CALLS[function.module, function.name](arguments))


def _tensor(arguments: tuple[Any, ...]) -> TensorView:
    storage, first, shape, strides, *_ = arguments
    is_right = type(storage) is Storage and type(shape) is tuple and type(strides) is tuple
    if not is_right or len(shape) != len(strides) or len(shape) > _MAX_RANK:
        raise ValueError
    if not all(_is_natural(each) for each in (first, *shape, *strides)):
        raise ValueError
    last = first + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if all(shape) and last >= storage.count:
        raise PickleFaultError("a tensor reaches beyond its numbers")
    return TensorView(storage, first, shape, strides)


def _parameter(arguments: tuple[Any, ...]) -> TensorView:
    tensor, *_ = arguments
    if type(tensor) is not TensorView:
        raise TypeError
    return tensor


def _ordered(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    if arguments:
        raise ValueError
    return {}


_CALLS: Final[Mapping[tuple[str, str], Callable[[tuple[Any, ...]], Any]]] = {
    ("collections", "OrderedDict"): _ordered,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}


def _is_natural(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63

"""Constants of a graph: read as the declared type, held to the declared bounds."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass, field
from typing import Final

from studio_engine.errors import EngineError
from studio_engine.graph.inputs import InputSpec, ListFiles

MAX_LISTED: Final = 20
"""Longer lists of choices are cut: a thousand model names help nobody."""

_SHORT: Final = reprlib.Repr()
"""Of values in sentences: they may be long, or nested without end."""
_SHORT.maxstring = _SHORT.maxother = 100


@dataclass(frozen=True)
class Reason:
    """Why an input cannot be used, in the words of ComfyUI's `node_errors`."""

    type: str
    message: str
    details: str
    extra: dict[str, object] = field(default_factory=dict)


class BadValueError(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.details)
        self.reason = reason


def check_value(name: str, value: object, spec: InputSpec, *, list_files: ListFiles | None) -> object:
    """The constant as the node's declared type. Raises `BadValueError`.

    Without `list_files` only the type is looked at: the node's own check judges the rest.
    """
    if spec.type == "*":
        return value
    if not spec.is_widget:
        details = f"{name}: give a link to an output of type {spec.type}"
        raise _bad("bad_linked_input", "The input takes a link, not a constant", details, value=value)
    try:
        converted = _convert(value, spec.type)
    except (TypeError, ValueError, OverflowError):
        details = f"{name}, {_SHORT.repr(value)}"
        raise _bad("invalid_input_type", f"The value cannot be read as {spec.type}", details, value=value) from None
    if list_files is None:
        return converted
    if spec.type == "COMBO":
        _check_choice(name, converted, spec, list_files=list_files)
    if isinstance(converted, int | float) and not isinstance(converted, bool):
        _check_bounds(name, converted, spec)
    return converted


def check_linked(name: str, value: object, spec: InputSpec) -> None:
    """Holds a number that came by a link to the declared bounds: the graph's own check has not seen it.

    ComfyUI does not; there a size of 0 or of a billion fails inside the node, or takes the process with it.
    Raises `engine.node_failed`.
    """
    for each in value if isinstance(value, list) else (value,):
        if spec.type not in ("INT", "FLOAT") or isinstance(each, bool) or not isinstance(each, int | float):
            continue
        try:
            if not math.isfinite(each):
                raise _bad("invalid_input_type", f"Value {each} is no finite number", name, value=each)
            _check_bounds(name, each, spec)
        except BadValueError as bad:
            message = f"{name}, given by a link, cannot be used: {bad.reason.message}. Change what it is linked to."
            raise EngineError("engine.node_failed", message) from None


def _convert(value: object, type_name: str) -> object:
    """As Python's int(), float(), str() and bool() read it, without the surprises (NaN, lists as text)."""
    if not isinstance(value, str | int | float | bool):
        raise TypeError
    match type_name:
        case "INT":
            return int(value)
        case "FLOAT":
            number = float(value)
            if not math.isfinite(number):
                raise ValueError
            return number
        case "BOOLEAN":
            return bool(value)
        case "STRING":
            return str(value)
        case _:
            return value


def _check_choice(name: str, value: object, spec: InputSpec, *, list_files: ListFiles) -> None:
    choices = spec.choices(list_files)
    if choices is None or value in choices:
        return
    listed = ", ".join(choices[:MAX_LISTED]) + (", …" if len(choices) > MAX_LISTED else "")
    raise _bad(
        "value_not_in_list",
        "The value is not in the list",
        f"{name}: {_SHORT.repr(value)} is not one of: {listed}",
        value=value,
    )


def _check_bounds(name: str, value: int | float, spec: InputSpec) -> None:
    low, high = spec.settings.get("min"), spec.settings.get("max")
    if isinstance(low, int | float) and value < low:
        raise _bad("value_smaller_than_min", f"Value {value} is smaller than {low}", name, value=value)
    if isinstance(high, int | float) and value > high:
        raise _bad("value_bigger_than_max", f"Value {value} is bigger than {high}", name, value=value)


def _bad(type: str, message: str, details: str, *, value: object) -> BadValueError:
    return BadValueError(Reason(type, message, details, {"received_value": value}))

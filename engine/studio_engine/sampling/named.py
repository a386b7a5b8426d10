"""Looking up what users name: samplers, schedulers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from studio_engine.errors import EngineError, ErrorCode

Value = TypeVar("Value")


def find_named(values: Mapping[str, Value], name: str, code: ErrorCode) -> Value:
    """Raises `code`, with the choices in its details."""
    try:
        return values[name]
    except KeyError:
        raise EngineError(code, details={"choices": list(values)}) from None

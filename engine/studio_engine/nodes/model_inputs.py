"""Inputs that nodes which change models have in common."""

from typing import Any

from studio_engine.graph.node import number, socket


def model_to_change() -> Any:
    return socket("MODEL", tooltip="The model to change.")


def share_of_run(default: float, tooltip: str, *, step: float = 0.001) -> Any:
    return number(default=default, min=0.0, max=1.0, step=step, tooltip=tooltip)

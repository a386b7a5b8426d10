"""Every node that this engine knows: the node classes of the modules in this package."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Final

from studio_engine.graph.node import Node, Registry, registry_of


def _declared() -> Iterator[type[Node]]:
    """By module name, then as they stand in the module."""
    for module in sorted(info.name for info in pkgutil.walk_packages(__path__, f"{__name__}.")):
        for value in vars(import_module(module)).values():
            is_node = isinstance(value, type) and issubclass(value, Node) and "spec" in vars(value)
            if is_node and value.__module__ == module:
                yield value


NODES: Final[Registry] = registry_of(_declared())

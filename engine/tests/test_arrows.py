"""Which package may import which: only what stands before it here, so that none imports itself by a detour."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import studio_engine

ROOT = Path(studio_engine.__file__).parent
ORDER = (
    *("errors", "config", "checkpoint", "patterns", "runtime", "imaging", "sampling", "denoise", "models", "graph"),
    *("nodes", "jobs", "lease", "process", "__main__"),
)
PARTS = sorted({path.relative_to(ROOT).parts[0].removesuffix(".py") for path in ROOT.rglob("*.py")} - {"__init__"})


def imported(path: Path) -> Iterator[str]:
    """Of this package, by its parts' names; imports for types alone count too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            if node.module == "studio_engine":
                yield from (alias.name for alias in node.names if alias.name in ORDER)
            elif node.module is not None and node.module.startswith("studio_engine."):
                yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (name.name.split(".")[1] for name in node.names if name.name.startswith("studio_engine."))


def test_every_part_has_its_place() -> None:
    assert sorted(ORDER) == PARTS


@pytest.mark.parametrize("part", ORDER)
def test_arrows_point_one_way(part: str) -> None:
    files = [ROOT / f"{part}.py"] if (ROOT / f"{part}.py").exists() else list((ROOT / part).rglob("*.py"))
    allowed = {*ORDER[: ORDER.index(part)], part}
    found = [(path, name) for path in files for name in imported(path) if name not in allowed]
    assert [f"{path.relative_to(ROOT)} imports {name}" for path, name in found] == []

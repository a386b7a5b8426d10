"""Random graphs of fitting types, out of nodes that need no model: whatever comes out, it is no crash."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio_engine.nodes import NODES
from studio_engine.runtime.memory import HOST, pool_of
from tests.adversary.studio import Graph, Studio

WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
_MANY = 300
"""Of pixels or pictures: larger is slow, not worse."""


def model_free() -> dict[str, Any]:
    """Nodes that can be reached from nodes without links."""
    reached: set[str] = set()
    found: dict[str, Any] = {}
    while True:
        new = {
            name: cls.spec
            for name, cls in NODES.items()
            if name not in found
            and all(
                spec.type in (*WIDGETS, "*", *reached) and spec.folder is None
                for spec in cls.spec.inputs.values()
                if spec.is_required
            )
        }
        if not new:
            return found
        found |= new
        reached |= {output.type for spec in new.values() for output in spec.outputs}


FREE = model_free()
NAMES = sorted(name for name, spec in FREE.items() if spec.outputs)


def widgets(spec: Any) -> st.SearchStrategy[object]:
    low, high = spec.settings.get("min"), spec.settings.get("max")
    match spec.type:
        case "INT":
            return st.integers(-5 if low is None else low, min(_MANY, high or _MANY) if (low or 0) < _MANY else high)
        case "FLOAT":
            low, high = (None if each is None else float(each) for each in (low, high))
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case "BOOLEAN":
            return st.booleans()
        case "COMBO":
            return st.sampled_from(spec.options)
        case _:
            texts = ("(a+)+$", "[", "0", "\\1", "\0", "\ud800", "a, b")
            return st.sampled_from(texts) | st.text(max_size=20)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    graph: Graph = {}
    made: dict[str, list[list[object]]] = {}
    for number in range(draw(st.integers(2, 9))):
        usable = [name for name in NAMES if all(_is_met(spec, made) for spec in FREE[name].inputs.values())]
        name, inputs = draw(st.sampled_from(usable)), {}
        for field, spec in FREE[name].inputs.items():
            links = made.get(spec.type, []) if spec.type != "*" else [each for links in made.values() for each in links]
            if spec.type in WIDGETS and not (links and draw(st.booleans())):
                inputs[field] = draw(widgets(spec))
            elif links and (spec.is_required or draw(st.booleans())):
                inputs[field] = draw(st.sampled_from(links))
            elif spec.type == "*" and spec.is_required:
                inputs[field] = "x"
        graph[str(number)] = {"class_type": name, "inputs": inputs}
        for slot, output in enumerate(FREE[name].outputs):
            made.setdefault(output.type, []).append([str(number), slot])
    last = draw(st.sampled_from([each for links in made.values() for each in links]))
    return graph | {"out": {"class_type": "PreviewAny", "inputs": {"source": last}}}


def _is_met(spec: Any, made: Any) -> bool:
    return not spec.is_required or spec.type in (*WIDGETS, "*") or spec.type in made


@given(graph=graphs())
@settings(max_examples=150, suppress_health_check=list(HealthCheck), derandomize=True)
def test_a_random_graph_gives_results_or_coded_errors(studio: Studio, graph: Graph) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool_of(HOST), "budget_bytes", 200_000_000)
        errors = studio.errors(graph)
    for each in errors.values():
        for told in each["errors"]:
            assert told["type"] != "engine.internal", told
            assert "its code is wrong" not in told["message"]
            assert "Error:" not in told["message"], (each["class_type"], told["message"])


def test_most_nodes_take_part() -> None:
    assert len(NAMES) > 90

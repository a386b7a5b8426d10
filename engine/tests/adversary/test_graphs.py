"""Graphs that are wrong, endless or enormous, and values that no widget takes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from studio_engine.nodes import NODES
from tests.adversary.studio import Graph, Studio, loaded, n, shown

OUTPUTS = ("1", 0), ("1", 1), ("1", 2), ("2", 0), ("4", 0), ("6", 0)
"""MODEL, CLIP, VAE, CONDITIONING, LATENT and IMAGE of `loaded`."""
TYPES = ("MODEL", "CLIP", "VAE", "CONDITIONING", "LATENT", "IMAGE")


def sockets() -> list[tuple[str, str, str]]:
    return [
        (each, name, spec.type)
        for each in ("2", "5", "6", "7")
        for name, spec in NODES[loaded()[each]["class_type"]].spec.inputs.items()
        if spec.type in TYPES
    ]


@pytest.mark.parametrize(("node", "name", "type"), sockets())
def test_a_link_from_another_type_is_refused(studio: Studio, node: str, name: str, type: str) -> None:
    for (source, slot), given in zip(OUTPUTS, TYPES, strict=True):
        if given != type and int(source) < int(node):
            graph = loaded()
            graph[node]["inputs"][name] = [source, slot]
            studio.is_invalid(graph, node, "return_type_mismatch")


LINKS: list[object] = [["1"], ["1", -1], ["1", "0"], ["1", True], ["1", 9], ["gone", 0], [], [1, 0], ["1", 0, 0], [[]]]


def test_a_link_that_is_none_is_refused(studio: Studio) -> None:
    for link in LINKS:
        graph = loaded()
        graph["5"]["inputs"]["model"] = link
        studio.is_invalid(graph, "5", "bad_linked_input")


def test_a_constant_for_a_socket_is_refused(studio: Studio) -> None:
    for value in (None, 1, "model", {}, {"__value__": ["1", 0]}, 1e400):
        graph = loaded()
        graph["5"]["inputs"]["model"] = value
        studio.is_invalid(graph, "5", "bad_linked_input")


NAN, INF = float("nan"), float("inf")
BAD_VALUES: list[tuple[str, object, str]] = [
    *[("cfg", value, "invalid_input_type") for value in (NAN, INF, -INF, "nan", "1e999", None, {}, "x", 10**400)],
    *[("steps", value, "invalid_input_type") for value in (NAN, INF, "1.5", None, {}, "", "9" * 5000)],
    *[("cfg", value, "value_bigger_than_max") for value in (100.1, 1e38, 1e308)],
    *[("cfg", value, "value_smaller_than_min") for value in (-0.1, -1e308)],
    *[("steps", value, "value_bigger_than_max") for value in (10_001, 10**30)],
    *[("steps", value, "value_smaller_than_min") for value in (0, -1, False)],
    *[("seed", value, "value_bigger_than_max") for value in (2**64, 10**30)],
    ("seed", -1, "value_smaller_than_min"),
    ("denoise", NAN, "invalid_input_type"),
    ("denoise", 1.01, "value_bigger_than_max"),
    *[("sampler_name", value, "value_not_in_list") for value in ("", "Euler", "euler\0", "\ud800", 3, True)],
    ("scheduler", "x" * 100_000, "value_not_in_list"),
]


def test_values_beyond_a_widget_are_refused(studio: Studio) -> None:
    for name, value, reason in BAD_VALUES:
        studio.is_invalid(loaded(**{name: value}), "5", reason)


@pytest.mark.parametrize("name", ["LoraLoader", "CreateHookLora", "ControlNetApply", "IPAdapterApply", "SetFirstSigma"])
def test_strengths_that_are_no_number_are_refused(studio: Studio, name: str) -> None:
    numbers = [field for field, spec in NODES[name].spec.inputs.items() if spec.type == "FLOAT"]
    assert numbers
    for value in (NAN, INF, -INF):
        graph = {"1": n(name, **dict.fromkeys(numbers, value)), "2": n("PreviewAny", source=["1", 0])}
        told: Any = studio.error(graph).details["nodeErrors"]
        reasons = {each["extra_info"]["input_name"]: each["type"] for each in told["1"]["errors"]}
        assert {reasons[field] for field in numbers} == {"invalid_input_type"}


RAW: list[object] = [
    None,
    [],
    {},
    "x",
    {"1": None},
    {"1": []},
    {"1": {}},
    {"1": {"class_type": 3}},
    {"1": {"class_type": "KSampler", "inputs": []}},
    {"1": {"class_type": "KSampler", "inputs": {1: 2}}},
    {1: n("PreviewAny", source="x")},
    {str(number): n("PreviewAny", source="x") for number in range(2001)},
]


def test_what_is_no_graph_is_invalid(studio: Studio) -> None:
    for raw in RAW:
        error = studio.error(raw)  # type: ignore[arg-type]
        assert error.code == "graph.invalid", raw


def test_unknown_nodes_and_missing_outputs_have_codes_of_their_own(studio: Studio) -> None:
    for name in ("Gone", "ksampler", "__class__", "x" * 100_000, "\ud800"):
        error = studio.error({**loaded(), "8": n(name)})
        assert error.code == "graph.unknown_node"
        assert len(str(error.details)) < 2000
    graph = loaded()
    del graph["7"]
    assert studio.error(graph).code == "graph.no_output"


def test_a_cycle_is_named(studio: Studio) -> None:
    alone = {"1": n("ImageInvert", image=["1", 0]), "2": n("PreviewImage", images=["1", 0])}
    ring = {str(i): n("ImageInvert", image=[str((i + 1) % 500), 0]) for i in range(500)}
    ring["out"] = n("PreviewImage", images=["7", 0])
    for graph, members in ((alone, {"1"}), (ring, set(ring) - {"out"})):
        error = studio.error(graph)
        assert error.code == "graph.cycle"
        assert set(error.details["nodeIds"]) == members  # type: ignore[call-overload]


def chain(length: int) -> Graph:
    graph: Graph = {"0": n("EmptyImage", width=8, height=8, batch_size=1, color=255)}
    graph |= {str(i): n("ImageInvert", image=[str(i - 1), 0]) for i in range(1, length)}
    return graph | {"out": n("PreviewImage", images=[str(length - 1), 0])}


def test_a_graph_of_a_thousand_nodes_runs(studio: Studio) -> None:
    started = time.process_time()
    studio.run(chain(1000))
    assert time.process_time() - started < 10


def test_one_bad_node_among_a_thousand_stops_what_needs_it_alone(studio: Studio) -> None:
    graph = chain(1000)
    graph["500"] = n("ImageCrop", image=["499", 0], width=1, height=1, x=0, y=0)
    graph["501"] = n("ImageYUVToRGB", Y=["500", 0], U=["499", 0], V=["499", 0])
    graph["also"] = n("PreviewImage", images=["500", 0])
    outcome = studio.run(graph)
    assert [output.node_id for output in outcome.outputs] == ["also"]
    assert list(outcome.node_errors) == ["501"]
    assert outcome.node_errors["501"]["dependent_outputs"] == ["out"]


def test_a_wide_graph_shares_what_it_computes(studio: Studio) -> None:
    graph = chain(2)
    graph |= {f"p{i}": n("PreviewAny", source=["1", 0]) for i in range(900)}
    started = time.process_time()
    assert len(studio.run(graph).texts) == 900
    assert time.process_time() - started < 5


def test_deep_nesting_in_values_is_refused(studio: Studio) -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = {"a": deep}
    error = studio.error(loaded(cfg=deep))
    assert error.code == "graph.invalid"


TEXTS = {
    "long": "cat, " * 20_000,
    "one_word": "a" * 100_000,
    "open": "(" * 100_000,
    "closed": ")" * 100_000,
    "nested": "(" * 2000 + "cat" + ")" * 2000,
    "brackets": "[" * 2000 + "cat" + "]" * 2000,
    "nul": "a\0cat\0",
    "surrogate": "a \ud800 cat \udfff",
    "weights": "(cat:nan) (dog:inf) (x:-1e999) (y:) (:) (:1) (z:1:2)",
    "escapes": "\\" * 10_001 + "(cat",
    "marks": "\u202e\u200b\ufeff\U0001f600" * 500,
    "passwd": "embedding:../../etc/passwd cat",
    "absolute": "embedding:/etc/passwd",
    "elsewhere": "embedding:../checkpoints/tiny.safetensors",
    "no_name": "embedding: embedding:, embedding:\0 embedding:. embedding:..",
    "many": " embedding:gone" * 2000,
}


@pytest.mark.parametrize("name", TEXTS)
def test_any_prompt_draws_or_is_refused(studio: Studio, name: str) -> None:
    graph = shown(n("CLIPTextEncode", text=TEXTS[name], clip=["c", 0]))
    graph["c"] = n("CLIPLoader", clip_name="tiny.safetensors", type="sd3")
    for each in studio.errors(graph).values():
        (told,) = each["errors"]
        assert told["type"] in ("engine.node_failed", "engine.non_finite")
        assert "Error:" not in told["message"], told


def test_a_weight_that_is_no_number_never_draws_black(studio: Studio) -> None:
    graph = loaded()
    graph["2"]["inputs"]["text"] = "a (red:1e39) apple"
    studio.refuses(graph, "engine.non_finite", "2")


def test_texts_that_cannot_be_stored_do_not_break_saving(studio: Studio) -> None:
    """The graph travels in the PNG, whatever is in it."""
    graph = loaded()
    graph["9"] = n("PrimitiveString", value="\ud800 \0")
    graph["7"] = n("SaveImage", images=["6", 0], filename_prefix="\ud800/../../x\0")
    graph["10"] = n("PreviewAny", source=["9", 0])
    assert studio.run(graph).node_errors == {}

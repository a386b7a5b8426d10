"""What is handed out when nodes show texts, are refused, or fail beside others."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from studio_engine.errors import EngineError
from studio_engine.graph.node import Node, NodeContext, Output, integer, node, registry_of, socket
from studio_engine.jobs.cancel import CancelToken
from studio_engine.jobs.progress import ProgressBoard
from studio_engine.jobs.run import Engine, JobOutcome, JobRequest, run_job
from studio_engine.nodes import NODES
from tests.jobs.graphs import Graph, txt2img


@node(title="Grey", category="image", outputs=(Output("IMAGE"),))
class Grey(Node):
    """A small picture; 0 cannot be painted, and 255 is too much."""

    level: int = integer(default=1, min=0, max=255)

    def run(self, ctx: NodeContext) -> tuple[torch.Tensor]:
        if self.level == 0:
            raise ValueError("no paint")
        if self.level == 255:
            raise MemoryError
        return (torch.full((1, 8, 8, 3), self.level / 255),)


@node(title="Sheet", category="image", is_output=True)
class Sheet(Node):
    """Hands out a picture several times."""

    images: torch.Tensor = socket("IMAGE")
    count: int = integer(default=1, min=1, max=9)

    def run(self, ctx: NodeContext) -> tuple[()]:
        for _ in range(self.count):
            ctx.save_image(self.images, prefix="sheet")
        return ()


def run(engine: Engine, graph: Graph) -> JobOutcome:
    nodes = {**NODES, **registry_of((Grey, Sheet))}
    return run_job(replace(engine, nodes=nodes), JobRequest(graph, "team"), ProgressBoard(0.0), CancelToken())


def grey(level: object) -> object:
    return {"class_type": "Grey", "inputs": {"level": level}}


def sheet(source: str, count: int = 1) -> object:
    return {"class_type": "Sheet", "inputs": {"images": [source, 0], "count": count}}


def text(value: object) -> object:
    return {"class_type": "PreviewAny", "inputs": {"source": value}}


def test_texts_come_by_node_within_the_bounds_of_the_contract(engine: Engine) -> None:
    words = {"class_type": "PrimitiveString", "inputs": {"value": "x" * 200_000}}
    outcome = run(engine, {"1": words, "2": text(["1", 0]), "3": text("short"), "4": grey(1), "5": sheet("4")})
    assert {node_id: [len(each) for each in texts] for node_id, texts in outcome.texts.items()} == {
        "2": [100_000],
        "3": [5],
    }
    assert len(outcome.outputs) == 1


def test_what_does_not_depend_on_a_failure_is_handed_out_with_its_reason(engine: Engine) -> None:
    outcome = run(engine, {"1": grey(0), "2": sheet("1"), "3": grey(9), "4": sheet("3")})
    assert [output.node_id for output in outcome.outputs] == ["4"]
    (error,) = outcome.node_errors.values()
    assert error["class_type"] == "Grey"
    assert error["dependent_outputs"] == ["2"]
    (reason,) = error["errors"]  # type: ignore[misc]  # a list
    assert reason == {
        "type": "engine.node_failed",
        "message": "Node 1 (Grey) failed; check its inputs. ValueError: no paint",
        "details": "ValueError: no paint",
        "extra_info": {"inputs": {"level": 0}},
    }


def test_where_nothing_could_finish_the_first_failure_is_raised_with_all_of_them(engine: Engine) -> None:
    graph = {"1": grey(0), "2": sheet("1"), "3": grey(300), "4": sheet("3"), "5": sheet("1", 2)}
    with pytest.raises(EngineError, match="no paint") as caught:
        run(engine, graph)
    assert (caught.value.node_id, caught.value.node_class) == ("1", "Grey")
    assert set(caught.value.details["nodeErrors"]) == {"1", "3"}  # type: ignore[call-overload]  # a mapping


def test_outputs_that_cannot_run_are_reported_beside_those_that_can(engine: Engine) -> None:
    outcome = run(engine, {"1": grey("dark"), "2": sheet("1"), "3": grey(9), "4": sheet("3")})
    assert [output.node_id for output in outcome.outputs] == ["4"]
    assert outcome.node_errors["1"]["dependent_outputs"] == ["2"]


def test_several_workers_hand_out_in_the_order_of_one(new_engine: Callable[[], Engine]) -> None:
    graph: Graph = {}
    for i in range(6):
        graph |= {f"grey{i}": grey(i + 1), f"sheet{i}": sheet(f"grey{i}", 3)}

    def handed_out(workers: int) -> list[tuple[str, int, str]]:
        outputs = run(replace(new_engine(), workers=workers), graph).outputs
        return [(output.node_id, output.index, output.sha256) for output in outputs]

    assert handed_out(4) == handed_out(1)
    assert len(handed_out(4)) == 18


def test_memory_that_ran_out_beside_a_finished_output_is_told(engine: Engine) -> None:
    graph = {"1": grey(255), "2": sheet("1"), "3": grey(9), "4": sheet("3")}
    outcome = run(engine, graph)
    assert [output.node_id for output in outcome.outputs] == ["4"]
    assert outcome.ran_out_of_memory
    assert not run(engine, graph | {"1": grey(0)}).ran_out_of_memory


def test_another_seed_encodes_no_prompt_again(engine: Engine) -> None:
    seen: list[str | None] = []
    board = ProgressBoard(0.0)
    board._on_change = lambda: seen.append(board.take().node_id)
    run_job(engine, JobRequest(txt2img(seed=1), "team"), board, CancelToken())
    assert set(seen) == {"1", "2", "3", "4", "5", "6", "7"}
    seen.clear()
    run_job(engine, JobRequest(txt2img(seed=2), "team"), board, CancelToken())
    # The checkpoint is looked up again: models are the store's to keep, not the cache's.
    assert set(seen) == {"1", "5", "6", "7"}

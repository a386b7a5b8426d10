"""Runs small graphs and tells what happened."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from arithmetic import NODES, Recorder, files

from studio_engine.errors import EngineError
from studio_engine.graph.cache import ResultCache
from studio_engine.graph.execute import Outcome, Surroundings, execute
from studio_engine.graph.node import Registry
from studio_engine.graph.parse import parse_graph
from studio_engine.graph.plan import Planner, Step
from studio_engine.graph.validate import validate_graph


@dataclass
class Ran:
    outcome: Outcome
    ids: list[str]
    """Ids of the nodes that ran, in order."""
    texts: dict[str, list[object]] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)
    """The class of each node that ran."""


def explain(error: Exception) -> EngineError | None:
    return EngineError("engine.out_of_memory") if isinstance(error, MemoryError) else None


def run_graph(
    raw: dict[str, object],
    nodes: Registry = NODES,
    *,
    cache: ResultCache | None = None,
    ctx: Recorder | None = None,
    **settings: object,
) -> Ran:
    """`settings` are those of Surroundings, and the planner's namespace and nonce."""
    ctx = ctx or Recorder()
    namespace, nonce = str(settings.pop("namespace", "team")), str(settings.pop("nonce", ""))
    planner = Planner(nodes, namespace, lambda folder, name: "v1", nonce)
    steps = planner.plan(validate_graph(parse_graph(raw), nodes, files).graph)
    ids: list[str] = []
    texts: dict[str, list[object]] = {}
    classes: list[str] = []

    def on_node(step: Step, event: str) -> None:
        if event == "running":
            ids.append(step.node_id)
            classes.append(step.node_class.spec.name)

    def on_ui(step: object, ui: dict[str, Sequence[object]]) -> None:
        texts.setdefault(step.display_id, []).extend(ui["text"])

    around = Surroundings(
        planner,
        ResultCache(10**6) if cache is None else cache,
        context_of=lambda step: ctx,
        explain=explain,
        on_node=on_node,
        on_ui=on_ui,
        prompt=raw,
        **settings,
    )
    return Ran(execute(steps, around), ids, texts, classes)

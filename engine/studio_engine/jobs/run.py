"""Runs one graph: what stands between the nodes and the rest of the process."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Final

from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.graph.cache import ResultCache
from studio_engine.graph.execute import NodeEvent, Surroundings, execute
from studio_engine.graph.failure import node_errors_of
from studio_engine.graph.node import Registry
from studio_engine.graph.parse import parse_graph
from studio_engine.graph.plan import Planner, Step
from studio_engine.graph.sockets import Model, ModelSource
from studio_engine.graph.validate import NodeErrors, validate_graph
from studio_engine.jobs.cancel import CancelToken
from studio_engine.jobs.outputs import OutputFile
from studio_engine.jobs.previews import encode_preview
from studio_engine.jobs.progress import ProgressBoard, stage_of
from studio_engine.models.inventory import Inventory
from studio_engine.runtime.images import encode_png
from studio_engine.runtime.memory import as_out_of_memory

_MAX_TEXTS: Final = 100
_MAX_TEXT_CHARS: Final = 100_000
"""As in the lease contract."""


@dataclass(frozen=True)
class Engine:
    """What outlives a job."""

    nodes: Registry
    inventory: Inventory
    models: ModelSource
    cache: ResultCache
    workers: int = 1
    """Nodes of one job that may run at the same time."""


@dataclass(frozen=True)
class JobRequest:
    graph: Mapping[str, object]
    """ComfyUI's API format, unchecked."""
    namespace: str
    """Results are shared inside one namespace only."""
    inputs: Mapping[str, bytes] = field(default_factory=dict)
    """Uploaded files, by the name that LoadImage uses."""


@dataclass(frozen=True)
class JobOutcome:
    """At least one output node has finished."""

    outputs: tuple[OutputFile, ...]
    texts: Mapping[str, Sequence[str]]
    """What nodes show as text, by node id."""
    node_errors: NodeErrors
    """Nodes that were refused or failed; what does not depend on them has run."""
    ran_out_of_memory: bool = False
    """In a node beside those that finished."""


def run_job(engine: Engine, request: JobRequest, board: ProgressBoard, token: CancelToken) -> JobOutcome:
    """Raises the first EngineError where no output node could finish; all are in its `details.nodeErrors`."""
    # Which files exist is the loaders' affair: their errors say more than "not in list".
    valid = validate_graph(parse_graph(request.graph), engine.nodes, lambda folder: None)
    planner = Planner(
        engine.nodes,
        request.namespace,
        lambda folder, name: _file_identity(engine.inventory, request.inputs, folder=folder, name=name),
        nonce=secrets.token_hex(16),
    )
    steps = planner.plan(valid.graph)
    job = _Job(engine.models, request, board, token)
    around = Surroundings(
        planner,
        engine.cache,
        context_of=lambda step: _NodeContext(job, step.display_id),
        explain=as_out_of_memory,
        on_node=job.on_node,
        on_ui=job.on_ui,
        prompt=request.graph,
        workers=engine.workers,
    )
    outcome = execute(steps, around)
    node_errors = {**valid.node_errors, **node_errors_of(outcome.failures)}
    if outcome.failures and not outcome.finished_outputs:
        first = next(iter(outcome.failures.values())).error
        first.details["nodeErrors"] = node_errors
        raise first
    places = {step.display_id: place for place, step in enumerate(steps)}
    outputs = sorted(job.outputs, key=lambda output: (places[output.node_id], output.index))
    ran_out = any(each.error.code == "engine.out_of_memory" for each in outcome.failures.values())
    return JobOutcome(tuple(outputs), job.texts, node_errors, ran_out)


def _file_identity(inventory: Inventory, inputs: Mapping[str, bytes], *, folder: str, name: str | None) -> str:
    if folder == "input":
        names = sorted(inputs) if name is None else [name]
        return hashlib.sha256(b"".join(hashlib.sha256(inputs.get(each, b"")).digest() for each in names)).hexdigest()
    names = list(inventory.list_files(folder) or ()) if name is None else [name]
    return ",".join(inventory.digest(folder, each) or "" for each in names)


@dataclass
class _Job:
    """What the nodes of one job share; several may run at the same time."""

    models: ModelSource
    request: JobRequest
    board: ProgressBoard
    token: CancelToken
    outputs: list[OutputFile] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def on_node(self, step: Step, event: NodeEvent) -> None:
        if event == "running":
            self.board.enter(step.display_id, stage_of(step.node_class.spec))

    def on_ui(self, step: Step, ui: Mapping[str, Sequence[object]]) -> None:
        texts = [str(text)[:_MAX_TEXT_CHARS] for text in ui.get("text", ())]
        if texts:
            shown = self.texts.setdefault(step.display_id, [])
            shown += texts[: _MAX_TEXTS - len(shown)]

    def keep(self, output: OutputFile) -> None:
        with self.lock:
            index = sum(each.node_id == output.node_id for each in self.outputs)
            self.outputs.append(replace(output, index=index))


@dataclass(frozen=True)
class _NodeContext:
    """The NodeContext of one node."""

    job: _Job
    node_id: str

    @property
    def models(self) -> ModelSource:
        return self.job.models

    def check_cancelled(self) -> None:
        self.job.token.check()

    def progress(self, step: int, steps: int) -> None:
        self.job.token.check()
        self.job.board.step(step, steps)

    def preview(self, latents: Tensor, model: Model) -> None:
        if self.job.board.wants_preview():
            self.job.board.show(encode_preview(model.network.to_rgb(latents[:1])[0]))

    def save_image(self, images: Tensor, *, prefix: str, is_temporary: bool = False) -> None:
        """The api names files, so `prefix` has no say here; it travels in the graph."""
        for image in images:
            data = encode_png(image, self.job.request.graph)
            size = (image.shape[1], image.shape[0])
            self.save_file(data, content_type="image/png", size=size, is_temporary=is_temporary)

    def save_file(self, data: bytes, *, content_type: str, size: tuple[int, int], is_temporary: bool = False) -> None:
        self.job.token.check()
        width, height = size
        self.job.keep(
            OutputFile(
                node_id=self.node_id,
                index=0,
                data=data,
                content_type=content_type,
                width=width,
                height=height,
                is_kept=not is_temporary,
            )
        )

    def input_file(self, name: str) -> bytes:
        try:
            return self.job.request.inputs[name]
        except KeyError:
            raise EngineError("blob.not_found", f"There is no uploaded file named {name}; upload it again.") from None

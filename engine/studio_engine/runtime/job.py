"""Runs one graph: what stands between the nodes and the rest of the process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.graph.cache import ResultCache
from studio_engine.graph.execute import NodeEvent, execute
from studio_engine.graph.node import Registry
from studio_engine.graph.parse import parse_graph
from studio_engine.graph.plan import Step, plan
from studio_engine.graph.sockets import Model, ModelSource
from studio_engine.graph.validate import validate_graph
from studio_engine.models.inventory import Inventory
from studio_engine.runtime.cancel import CancelToken
from studio_engine.runtime.images import encode_png
from studio_engine.runtime.memory import as_out_of_memory
from studio_engine.runtime.outputs import OutputFile
from studio_engine.runtime.previews import encode_preview
from studio_engine.runtime.progress import ProgressBoard, stage_of


@dataclass(frozen=True)
class Engine:
    """What outlives a job."""

    nodes: Registry
    inventory: Inventory
    models: ModelSource
    cache: ResultCache


@dataclass(frozen=True)
class JobRequest:
    graph: Mapping[str, object]
    """ComfyUI's API format, unchecked."""
    namespace: str
    """Results are shared inside one namespace only."""
    inputs: Mapping[str, bytes] = field(default_factory=dict)
    """Uploaded files, by the name that LoadImage uses."""


def run_job(engine: Engine, request: JobRequest, board: ProgressBoard, token: CancelToken) -> tuple[OutputFile, ...]:
    """Raises EngineError, naming the node where one failed."""
    # Which files exist is the loaders' affair: their errors say more than "not in list".
    graph = validate_graph(parse_graph(request.graph), engine.nodes, lambda folder: None)
    steps = plan(
        graph,
        engine.nodes,
        namespace=request.namespace,
        fingerprint=lambda folder, name: _fingerprint(engine.inventory, request.inputs, folder, name),
    )
    context = _JobContext(engine.models, request, board, token)
    execute(steps, context, engine.cache, on_node=context.on_node, explain=as_out_of_memory)
    return tuple(context.outputs)


def _fingerprint(inventory: Inventory, inputs: Mapping[str, bytes], folder: str, name: str) -> str:
    if folder == "input":
        return hashlib.sha256(inputs.get(name, b"")).hexdigest()
    return inventory.digest(folder, name) or ""


@dataclass
class _JobContext:
    """The NodeContext of one job."""

    models: ModelSource
    request: JobRequest
    board: ProgressBoard
    token: CancelToken
    outputs: list[OutputFile] = field(default_factory=list)
    _node_id: str = ""

    def on_node(self, step: Step, event: NodeEvent) -> None:
        if event == "running":
            self._node_id = step.node_id
            self.board.enter(step.node_id, stage_of(step.node_class.spec))

    def check_cancelled(self) -> None:
        self.token.check()

    def progress(self, step: int, steps: int) -> None:
        self.token.check()
        self.board.step(step, steps)

    def preview(self, latents: Tensor, model: Model) -> None:
        if self.board.wants_preview():
            self.board.show(encode_preview(model.network.to_rgb(latents[:1])[0]))

    def save_image(self, images: Tensor, *, prefix: str, is_temporary: bool = False) -> None:
        """The api names files, so `prefix` has no say here; it travels in the graph."""
        first = sum(output.node_id == self._node_id for output in self.outputs)
        for number, image in enumerate(images):
            self.token.check()
            self.outputs.append(
                OutputFile(
                    node_id=self._node_id,
                    index=first + number,
                    data=encode_png(image, self.request.graph),
                    content_type="image/png",
                    width=image.shape[1],
                    height=image.shape[0],
                    is_kept=not is_temporary,
                )
            )

    def input_file(self, name: str) -> bytes:
        try:
            return self.request.inputs[name]
        except KeyError:
            raise EngineError("blob.not_found", f"There is no uploaded file named {name}; upload it again.") from None

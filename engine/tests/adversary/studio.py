"""One engine over a folder of good and bad tiny files, and what every refused job must keep intact."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.errors import DEFAULT_MESSAGES, EngineError
from studio_engine.graph.cache import ResultCache
from studio_engine.jobs.cancel import CancelToken
from studio_engine.jobs.progress import ProgressBoard
from studio_engine.jobs.run import Engine, JobOutcome, JobRequest, run_job
from studio_engine.models.inventory import Inventory, scan_models
from studio_engine.models.store import ModelStore
from studio_engine.nodes import NODES
from studio_engine.runtime.plan import plain_plan

Graph = dict[str, Any]
STORE_BYTES = 256_000_000
CACHE_BYTES = 64_000_000


def n(class_type: str, **inputs: object) -> dict[str, object]:
    """A node of a graph."""
    return {"class_type": class_type, "inputs": inputs}


def loaded(name: str = "tiny.safetensors", seed: int = 7, **changes: object) -> Graph:
    """A small picture: 1 loads, 2 and 3 are prompts, 4 is empty, 5 samples, 6 decodes, 7 saves."""
    settings: Graph = {"steps": 2, "cfg": 4.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    links: Graph = {"model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["4", 0]}
    return {
        "1": n("CheckpointLoaderSimple", ckpt_name=name),
        "2": n("CLIPTextEncode", text="a red apple", clip=["1", 1]),
        "3": n("CLIPTextEncode", text="", clip=["1", 1]),
        "4": n("EmptyLatentImage", width=32, height=32, batch_size=1),
        "5": n("KSampler", seed=seed, **{**settings, **links, **changes}),
        "6": n("VAEDecode", samples=["5", 0], vae=["1", 2]),
        "7": n("PreviewImage", images=["6", 0]),
    }


def picture(size: tuple[int, int] = (24, 16), mode: str = "RGB", kind: str = "PNG", **settings: Any) -> bytes:
    """An encoded picture of all kinds of colours."""
    values = numpy.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=numpy.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values).convert(mode).save(buffer, kind, **settings)
    return buffer.getvalue()


@dataclass
class Studio:
    folder: Path
    inventory: Inventory = field(init=False)
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.inventory = scan_models(self.folder / "none", self.folder, DigestCache(self.folder / "digests.json"))
        self.engine = self.fresh()

    def fresh(self) -> Engine:
        store = ModelStore(self.inventory, plain_plan(), STORE_BYTES)
        return Engine(NODES, self.inventory, store, ResultCache(CACHE_BYTES, is_thorough=True))

    def run(self, graph: Graph, team: str = "team", *, token: CancelToken | None = None, **files: bytes) -> JobOutcome:
        names = {name.replace("__", "."): data for name, data in files.items()}
        return run_job(self.engine, JobRequest(graph, team, names), ProgressBoard(0.0), token or CancelToken())

    def error(self, graph: Graph, **files: bytes) -> EngineError:
        with pytest.raises(EngineError) as caught:
            self.run(graph, **files)
        return caught.value

    def errors(self, graph: Graph) -> Any:
        """By node id, whether or not any output came out."""
        try:
            return self.run(graph).node_errors
        except EngineError as error:
            return error.details["nodeErrors"]

    def refuses(self, graph: Graph, code: str, at: str, *words: str, **files: bytes) -> EngineError:
        """The job fails at that node, with that code and a sentence of what to do."""
        error = self.error(graph, **files)
        assert error.code == code, error
        assert (error.node_id, error.node_class) == (at, graph[at]["class_type"]), error
        said = error.message
        assert said.endswith("."), said
        assert len(said.split()) >= 5, said
        assert "Error:" not in said, said
        assert str(self.folder) not in said, said
        for word in words:
            assert word in said, said
        told = error.details["nodeErrors"]
        assert isinstance(told, Mapping)
        assert told[at]["class_type"] == graph[at]["class_type"]
        return error

    def is_invalid(self, graph: Graph, at: str, *reasons: str) -> None:
        """The graph is refused before anything runs, with those reasons at that node."""
        error = self.error(graph)
        assert error.code == "graph.invalid", error
        told: Any = error.details["nodeErrors"]
        assert [each["type"] for each in told[at]["errors"]] == list(reasons), told
        assert told[at]["class_type"] == graph[at]["class_type"]
        assert error.message == DEFAULT_MESSAGES["graph.invalid"]

    @cached_property
    def good(self) -> str:
        """What a fresh engine draws."""
        return _sums(run_job(self.fresh(), JobRequest(loaded(), "team"), ProgressBoard(0.0), CancelToken()))

    def is_sound(self) -> None:
        """The engine draws a fresh engine's picture from what it has kept."""
        assert _sums(self.run(loaded())) == self.good

    def is_sound_anew(self) -> None:
        self.engine.cache.evict(CACHE_BYTES)
        self.is_sound()


def _sums(outcome: JobOutcome) -> str:
    assert outcome.node_errors == {}
    return " ".join(hashlib.sha256(output.data).hexdigest() for output in outcome.outputs)


def pixels(outcome: JobOutcome) -> list[Any]:
    return [numpy.asarray(Image.open(io.BytesIO(output.data))) for output in outcome.outputs]


def shown(node: dict[str, object], slot: int = 0) -> Graph:
    """The node's output, shown as text whatever it is."""
    return {"1": node, "2": n("PreviewAny", source=["1", slot])}

"""Stable Diffusion 3 and Flux draw pictures from whole checkpoints and from files of their own."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.errors import EngineError
from studio_engine.graph.cache import ResultCache
from studio_engine.jobs.cancel import CancelToken
from studio_engine.jobs.progress import ProgressBoard
from studio_engine.jobs.run import Engine, JobRequest, run_job
from studio_engine.models.inventory import scan_models
from studio_engine.models.store import ModelStore
from studio_engine.nodes import NODES
from studio_engine.runtime.plan import plain_plan
from tests.jobs.graphs import Graph, txt2img
from tests.models.dit.tiny_files import write_checkpoint, write_parts

OpenEngine = Callable[[], Engine]


@pytest.fixture
def open_engine(tmp_path: Path) -> OpenEngine:
    torch.set_num_threads(1)

    def build() -> Engine:
        inventory = scan_models(tmp_path / "none", tmp_path, DigestCache(tmp_path / "digests.json"))
        return Engine(NODES, inventory, ModelStore(inventory, plain_plan(), 256_000_000), ResultCache(64_000_000))

    return build


def drawn(engine: Engine, graph: Graph) -> np.ndarray:
    (output,) = run_job(engine, JobRequest(graph, "team", {}), ProgressBoard(0.0), CancelToken()).outputs
    return np.asarray(Image.open(io.BytesIO(output.data)))


def graph_of(**changes: object) -> Graph:
    graph = txt2img(**{"steps": 2, "cfg": 1.0, "sampler_name": "euler", "scheduler": "simple"} | changes)
    graph["4"] = {"class_type": "EmptySD3LatentImage", "inputs": {"width": 64, "height": 48, "batch_size": 1}}
    return graph


@pytest.mark.parametrize(("family", "cfg"), [("sd3", 4.0), ("flux", 1.0)])
def test_a_checkpoint_draws(
    open_engine: OpenEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture, family: str, cfg: float
) -> None:
    write_checkpoint(tmp_path / "checkpoints" / "tiny.safetensors", family)
    picture = drawn(open_engine(), graph_of(cfg=cfg))
    assert picture.shape == (48, 64, 3)
    assert picture.std() > 1
    # Of each part, what belongs to the others is known to do so.
    assert "not used" not in caplog.text


@pytest.mark.parametrize(("family", "cfg"), [("sd3", 4.0), ("flux", 1.0)])
def test_files_of_their_own_draw_the_same(open_engine: OpenEngine, tmp_path: Path, family: str, cfg: float) -> None:
    write_checkpoint(tmp_path / "checkpoints" / "tiny.safetensors", family)
    write_parts(tmp_path, family)
    graph = graph_of(cfg=cfg)
    whole = drawn(open_engine(), graph)
    names = ["clip_l", "clip_g", "t5xxl"] if family == "sd3" else ["t5xxl", "clip_l"]
    inputs = {f"clip_name{number}": f"{name}.safetensors" for number, name in enumerate(names, 1)}
    loader = "TripleCLIPLoader" if family == "sd3" else "DualCLIPLoader"
    graph["11"] = {"class_type": loader, "inputs": inputs | ({} if family == "sd3" else {"type": "flux"})}
    graph["12"] = {
        "class_type": "UNETLoader",
        "inputs": {"unet_name": f"{family}.safetensors", "weight_dtype": "default"},
    }
    graph["13"] = {"class_type": "VAELoader", "inputs": {"vae_name": f"{family}.safetensors"}}
    for prompt in ("2", "3"):
        graph[prompt]["inputs"]["clip"] = ["11", 0]
    graph["5"]["inputs"]["model"] = ["12", 0]
    graph["6"]["inputs"]["vae"] = ["13", 0]
    del graph["1"]
    assert np.array_equal(drawn(open_engine(), graph), whole)


def test_a_checkpoint_without_text_encoders_says_what_to_load(open_engine: OpenEngine, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "checkpoints" / "tiny.safetensors", "flux", without="t5xxl")
    with pytest.raises(EngineError, match="lacks the text encoder t5xxl"):
        drawn(open_engine(), graph_of())


def test_prompt_and_guidance_change_what_flux_draws(open_engine: OpenEngine, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "checkpoints" / "tiny.safetensors", "flux")
    engine, pictures = open_engine(), []
    for kind, value in (("FluxGuidance", 3.5), ("FluxGuidance", 9.0), ("FluxDisableGuidance", None)):
        graph = graph_of()
        value_input = {} if value is None else {"guidance": value}
        graph["9"] = {"class_type": kind, "inputs": {"conditioning": ["2", 0]} | value_input}
        graph["5"]["inputs"]["positive"] = ["9", 0]
        pictures.append(drawn(engine, graph))
    assert np.array_equal(pictures[0], drawn(engine, graph_of()))
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_a_reference_picture_changes_what_flux_draws(open_engine: OpenEngine, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "checkpoints" / "tiny.safetensors", "flux")
    engine, graph = open_engine(), graph_of()
    plain = drawn(engine, graph)
    graph["8"] = {"class_type": "EmptyImage", "inputs": {"width": 32, "height": 32, "batch_size": 1, "color": 255}}
    graph["9"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["8", 0], "vae": ["1", 2]}}
    graph["10"] = {"class_type": "ReferenceLatent", "inputs": {"conditioning": ["2", 0], "latent": ["9", 0]}}
    graph["5"]["inputs"]["positive"] = ["10", 0]
    assert not np.array_equal(drawn(engine, graph), plain)


def test_skipped_layers_change_what_sd3_draws(open_engine: OpenEngine, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "checkpoints" / "tiny.safetensors", "sd3")
    engine, graph = open_engine(), graph_of(cfg=4.0)
    plain = drawn(engine, graph)
    layers = {"layers": "1", "scale": 3.0, "start_percent": 0.0, "end_percent": 1.0}
    graph["9"] = {"class_type": "SkipLayerGuidanceSD3", "inputs": {"model": ["1", 0]} | layers}
    graph["5"]["inputs"]["model"] = ["9", 0]
    assert not np.array_equal(drawn(engine, graph), plain)

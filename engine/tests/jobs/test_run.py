"""From a graph to pictures, in one process, with a real (tiny) model."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from studio_engine.errors import EngineError
from studio_engine.graph.cache import ResultCache
from studio_engine.jobs.cancel import CancelToken
from studio_engine.jobs.outputs import OutputFile
from studio_engine.jobs.progress import Progress, ProgressBoard
from studio_engine.jobs.run import Engine, JobRequest, run_job
from studio_engine.models.store import ModelStore
from tests.jobs.graphs import Graph, txt2img
from tests.models.tiny_checkpoint import tiny_modules


def draw(engine: Engine, graph: Graph, **inputs: bytes) -> tuple[OutputFile, ...]:
    return run_job(engine, JobRequest(graph, "team", inputs), ProgressBoard(0.0), CancelToken()).outputs


def error_of(engine: Engine, graph: Graph) -> EngineError:
    with pytest.raises(EngineError) as caught:
        draw(engine, graph)
    return caught.value


def pixels(output: OutputFile) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(output.data)))


def test_a_graph_becomes_a_picture(engine: Engine) -> None:
    (output,) = draw(engine, txt2img())
    assert (output.node_id, output.index, output.is_kept) == ("7", 0, True)
    assert (output.width, output.height, output.content_type) == (64, 48, "image/png")
    assert pixels(output).shape == (48, 64, 3)
    assert pixels(output).std() > 1


def test_the_picture_carries_its_graph(engine: Engine) -> None:
    (output,) = draw(engine, txt2img())
    assert json.loads(Image.open(io.BytesIO(output.data)).text["prompt"]) == txt2img()


@pytest.mark.parametrize("sampler", ["euler", "euler_ancestral", "dpmpp_2m_sde", "uni_pc"])
def test_repeats_are_byte_identical(new_engine: Callable[[], Engine], sampler: str) -> None:
    graph = txt2img(sampler_name=sampler)
    assert draw(new_engine(), graph)[0].data == draw(new_engine(), graph)[0].data


def test_every_setting_changes_the_picture(engine: Engine) -> None:
    changes: list[dict[str, object]] = [{}, {"seed": 8}, {"steps": 5}, {"cfg": 1.0}, {"scheduler": "normal"}]
    assert len({draw(engine, txt2img(**change))[0].sha256 for change in changes}) == len(changes)


def test_a_batch_starts_with_the_picture_drawn_alone(engine: Engine) -> None:
    graph = txt2img()
    graph["4"]["inputs"]["batch_size"] = 2
    first, second = draw(engine, graph)
    assert [first.index, second.index] == [0, 1]
    difference = np.abs(pixels(first).astype(int) - pixels(draw(engine, txt2img())[0]).astype(int))
    assert difference.max() <= 2
    assert first.sha256 != second.sha256


def test_an_unchanged_prefix_is_not_computed_again(engine: Engine) -> None:
    draw(engine, txt2img())
    seen: list[str | None] = []
    board = ProgressBoard(0.0)
    board._on_change = lambda: seen.append(board.take().node_id)
    graph = txt2img()
    graph["7"] = {"class_type": "PreviewImage", "inputs": {"images": ["6", 0]}}
    (output,) = run_job(engine, JobRequest(graph, "team"), board, CancelToken()).outputs
    assert set(seen) == {"7"}
    assert not output.is_kept


def test_two_teams_share_no_results(engine: Engine) -> None:
    draw(engine, txt2img())
    stages: list[str] = []
    board = ProgressBoard(0.0)
    board._on_change = lambda: stages.append(board.take().stage)
    run_job(engine, JobRequest(txt2img(), "another team"), board, CancelToken())
    assert "sampling" in stages


def test_progress_counts_steps_and_shows_previews(engine: Engine) -> None:
    seen: list[Progress] = []
    board = ProgressBoard(0.0)
    board._on_change = lambda: seen.append(board.take())
    run_job(engine, JobRequest(txt2img(), "team"), board, CancelToken())
    stages = list(dict.fromkeys(progress.stage for progress in seen))
    assert stages == ["loading", "encoding", "sampling", "decoding", "saving"]
    steps = [(progress.step, progress.steps) for progress in seen if progress.stage == "sampling"]
    assert steps[-1] == (4, 4)
    previews = [progress.preview for progress in seen if progress.preview is not None]
    assert len(previews) == 4
    assert all(len(preview) <= 64 * 1024 for preview in previews)
    assert Image.open(io.BytesIO(previews[-1])).size == (256, 192)


def test_a_cancelled_job_stops_within_one_step(engine: Engine) -> None:
    token, board, steps = CancelToken(), ProgressBoard(0.0), []

    def on_change() -> None:
        steps.append(board.take().step)
        if steps[-1] == 2:
            token.cancel()

    board._on_change = on_change
    with pytest.raises(EngineError) as caught:
        run_job(engine, JobRequest(txt2img(steps=50), "team"), board, token)
    assert caught.value.code == "job.cancelled"
    assert max(steps) == 2


def test_a_picture_goes_in_and_out(engine: Engine) -> None:
    source = Image.fromarray(np.arange(64 * 48 * 3, dtype=np.uint8).reshape(48, 64, 3))
    buffer = io.BytesIO()
    source.save(buffer, "PNG")
    graph: Graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "in.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }
    (output,) = draw(engine, graph, **{"in.png": buffer.getvalue()})
    assert np.array_equal(pixels(output), np.asarray(source))


def test_denoise_keeps_some_of_a_loaded_picture(engine: Engine) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (67, 50), (200, 30, 30)).save(buffer, "PNG")
    graph = txt2img(denoise=0.5, latent_image=["9", 0])
    graph["8"] = {"class_type": "LoadImage", "inputs": {"image": "in.png"}}
    graph["9"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["8", 0], "vae": ["1", 2]}}
    (output,) = draw(engine, graph, **{"in.png": buffer.getvalue()})
    assert (output.width, output.height) == (64, 48)


def test_a_lora_changes_the_picture_and_nothing_else(engine: Engine, models_dir: Path) -> None:
    unet = tiny_modules()[0]
    name = "mid_block.attentions.0.transformer_blocks.0.attn1.to_v"
    rows, columns = unet.get_parameter(f"{name}.weight").shape
    lora = {f"unet.{name}.lora_B.weight": torch.randn(rows, 4), f"unet.{name}.lora_A.weight": torch.randn(4, columns)}
    (models_dir / "loras").mkdir(exist_ok=True)
    save_file(lora, models_dir / "loras" / "style.safetensors")
    inventory = _rescanned(engine, models_dir)
    plain = pixels(draw(inventory, txt2img())[0])

    def with_strength(strength: float) -> np.ndarray[Any, Any]:
        graph = txt2img(model=["8", 0])
        inputs = {"model": ["1", 0], "clip": ["1", 1], "lora_name": "style.safetensors"}
        strengths = {"strength_model": strength, "strength_clip": 1.0}
        graph["8"] = {"class_type": "LoraLoader", "inputs": inputs | strengths}
        return pixels(draw(inventory, graph)[0])

    assert np.array_equal(with_strength(0.0), plain)
    assert not np.array_equal(with_strength(1.0), plain)
    assert np.array_equal(pixels(draw(inventory, txt2img())[0]), plain)


def _rescanned(engine: Engine, models_dir: Path) -> Engine:
    from studio_engine.checkpoint.digest import DigestCache
    from studio_engine.models.inventory import scan_models
    from studio_engine.runtime.plan import plain_plan

    inventory = scan_models(models_dir / "none", models_dir, DigestCache(models_dir / "digests.json"))
    store = ModelStore(inventory, plain_plan(), 64_000_000)
    return replace(engine, inventory=inventory, models=store, cache=ResultCache(64_000_000))


def test_a_small_budget_is_kept_and_changes_no_picture(new_engine: Callable[[], Engine]) -> None:
    engine = new_engine()
    store = ModelStore(engine.inventory, engine.models.plan, 10_000_000)
    small = replace(engine, models=store)
    first = draw(small, txt2img())[0].sha256
    other = txt2img()
    other["1"]["inputs"]["ckpt_name"] = "other.safetensors"
    draw(small, other)
    assert store.loaded_names()[0] == "other.safetensors"
    assert store.loaded.size_bytes <= 10_000_000
    assert draw(replace(small, cache=ResultCache(1)), txt2img())[0].sha256 == first


def test_an_absurd_size_is_refused_with_advice_and_the_next_job_runs(engine: Engine) -> None:
    graph = txt2img()
    graph["4"]["inputs"] = {"width": 16384, "height": 16384, "batch_size": 4096}
    error = error_of(engine, graph)
    assert error.code == "engine.out_of_memory"
    assert "smaller size" in error.message
    assert error.node_id == "4"
    assert draw(engine, txt2img())


def test_invalid_numbers_never_become_a_picture(engine: Engine) -> None:
    graph = txt2img()
    graph["2"]["inputs"]["text"] = "(a:nan) b"
    error = error_of(engine, graph)
    assert error.code == "engine.non_finite"
    assert error.node_class in ("CLIPTextEncode", "KSampler")


@pytest.mark.parametrize(
    ("name", "code"), [("none.safetensors", "model.file_missing"), ("../tiny.safetensors", "model.file_missing")]
)
def test_a_missing_model_is_named(engine: Engine, name: str, code: str) -> None:
    graph = txt2img()
    graph["1"]["inputs"]["ckpt_name"] = name
    error = error_of(engine, graph)
    assert (error.code, error.node_id, error.node_class) == (code, "1", "CheckpointLoaderSimple")


def test_a_missing_upload_is_named(engine: Engine) -> None:
    graph: Graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "gone.png"}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    assert error_of(engine, graph).code == "blob.not_found"

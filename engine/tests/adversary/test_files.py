"""Model files that are missing, bad, or of another kind, through every loader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.models.inventory import scan_models
from tests.adversary.bad_files import CONTENTS, GOOD, SHARES
from tests.adversary.studio import Graph, Studio, loaded, n

Use = Callable[[Graph, str], None]


def _modelled(loader: str, field: str, **settings: object) -> Use:
    """The loader, node 9, gives the sampler its model."""

    def use(graph: Graph, name: str) -> None:
        graph["9"] = n(loader, **{field: name}, **settings)
        graph["5"]["inputs"]["model"] = ["9", 0]

    return use


def _checkpoint(graph: Graph, name: str) -> None:
    graph["9"] = n("CheckpointLoaderSimple", ckpt_name=name)
    graph |= {node: {**graph[node], "inputs": {**graph[node]["inputs"], "clip": ["9", 1]}} for node in ("2", "3")}
    graph["5"]["inputs"]["model"] = ["9", 0]
    graph["6"]["inputs"]["vae"] = ["9", 2]


def _vae(graph: Graph, name: str) -> None:
    graph["9"] = n("VAELoader", vae_name=name)
    graph["6"]["inputs"]["vae"] = ["9", 0]


def _control(graph: Graph, name: str) -> None:
    graph["9"] = n("ControlNetLoader", control_net_name=name)
    links = {"conditioning": ["2", 0], "control_net": ["9", 0], "image": ["8", 0]}
    graph["10"] = n("ControlNetApply", strength=1.0, **links)
    graph["5"]["inputs"]["positive"] = ["10", 0]


def _image_prompt(graph: Graph, name: str) -> None:
    graph |= {"9": n("IPAdapterLoader", ipadapter_name=name), "10": n("CLIPVisionLoader", clip_name="tiny.safetensors")}
    links = {"model": ["1", 0], "ipadapter": ["9", 0], "clip_vision": ["10", 0], "image": ["8", 0]}
    graph["11"] = n("IPAdapterApply", weight=1.0, start_at=0.0, end_at=1.0, **links)
    graph["5"]["inputs"]["model"] = ["11", 0]


def _vision(graph: Graph, name: str) -> None:
    graph["9"] = n("CLIPVisionLoader", clip_name=name)
    graph["10"] = n("CLIPVisionEncode", clip_vision=["9", 0], image=["8", 0], crop="center")
    graph["7"] = n("PreviewAny", source=["10", 0])


def _style(graph: Graph, name: str) -> None:
    _vision(graph, "tiny.safetensors")
    graph |= {"11": graph.pop("9"), "9": n("StyleModelLoader", style_model_name=name)}
    graph["10"]["inputs"]["clip_vision"] = ["11", 0]
    links = {"conditioning": ["2", 0], "style_model": ["9", 0], "clip_vision_output": ["10", 0]}
    graph["12"] = n("StyleModelApply", strength=1.0, strength_type="multiply", **links)
    graph["5"]["inputs"]["positive"] = ["12", 0]
    graph["7"] = n("PreviewImage", images=["6", 0])


def _text(graph: Graph, name: str) -> None:
    graph["9"] = n("CLIPLoader", clip_name=name, type="sd3")
    graph["2"]["inputs"]["clip"] = ["9", 0]
    graph["7"] = n("PreviewAny", source=["2", 0])


def _upscaler(graph: Graph, name: str) -> None:
    graph["9"] = n("UpscaleModelLoader", model_name=name)
    graph["10"] = n("ImageUpscaleWithModel", upscale_model=["9", 0], image=["8", 0])
    graph["7"] = n("PreviewImage", images=["10", 0])


USES: dict[str, Use] = {
    "checkpoints": _checkpoint,
    "diffusion_models": _modelled("UNETLoader", "unet_name", weight_dtype="default"),
    "vae": _vae,
    "loras": _modelled("LoraLoaderModelOnly", "lora_name", model=["1", 0], strength_model=1.0),
    "hypernetworks": _modelled("HypernetworkLoader", "hypernetwork_name", model=["1", 0], strength=1.0),
    "controlnet": _control,
    "ipadapter": _image_prompt,
    "clip_vision": _vision,
    "style_models": _style,
    "text_encoders": _text,
    "upscale_models": _upscaler,
}


def using(folder: str, name: str) -> Graph:
    """A graph that computes with a file of the folder; node 9 loads it."""
    graph = loaded()
    graph["8"] = n("EmptyImage", width=64, height=64, batch_size=1, color=0x408020)
    USES[folder](graph, name)
    return graph


NAMES = ("gone.safetensors", "../checkpoints/tiny.safetensors", "/etc/passwd", "", "a\0b", "\ud800", "x" * 100_000)
FOLDERS = [*GOOD, "hypernetworks", "diffusion_models"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_name_that_is_no_file_of_the_folder_is_missing(studio: Studio, folder: str) -> None:
    for name in NAMES:
        error = studio.refuses(using(folder, name), "model.file_missing", "9", "put it into")
        assert len(error.message) < 1000


def assert_refused(studio: Studio, kind: str, names: Iterable[str], *codes: str) -> None:
    for name in names:
        graph = using(kind, name)
        error = studio.error(graph)
        assert error.code in codes, (name, error)
        assert error.node_class == graph[str(error.node_id)]["class_type"]
        assert name in error.message, error.message
        assert error.message.endswith("."), error.message
        assert str(studio.folder) not in error.message


def stored(names: Iterable[str]) -> list[str]:
    return [f"{name}.safetensors" for name in names]


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_file_that_is_cut_short_is_corrupt(studio: Studio, kind: str) -> None:
    assert_refused(studio, kind, stored(SHARES), "model.file_corrupt")


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_file_of_no_kind_is_corrupt(studio: Studio, kind: str) -> None:
    assert_refused(studio, kind, stored(CONTENTS), "model.file_corrupt")


@pytest.mark.parametrize("kind", GOOD)
def test_weights_that_are_no_numbers_are_corrupt(studio: Studio, kind: str) -> None:
    assert_refused(studio, kind, stored(["nan", "infinite"]), "model.file_corrupt")


# A LoRA of zeros changes nothing, and does no harm.
@pytest.mark.parametrize("kind", [kind for kind in GOOD if kind != "loras"])
def test_weights_that_are_all_zero_are_untrained(studio: Studio, kind: str) -> None:
    assert_refused(studio, kind, stored(["zero"]), "model.untrained")


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_program_in_a_file_never_runs(studio: Studio, kind: str) -> None:
    assert_refused(studio, kind, ["program.ckpt", "legacy.ckpt", "code.pth"], "model.file_corrupt")
    assert not (studio.folder / "marker").exists()


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_file_of_another_kind_is_refused(studio: Studio, kind: str) -> None:
    others = [other for other in GOOD if other not in (kind, *SERVES.get(kind, ()))]
    codes = ("model.family_unknown", "model.file_corrupt", "model.untrained")
    assert_refused(studio, kind, stored(f"a_{other}" for other in others), *codes)


# A checkpoint serves as its parts.
SERVES = dict.fromkeys(("diffusion_models", "vae", "text_encoders"), ("checkpoints",))


def test_the_good_files_draw(studio: Studio) -> None:
    """Else the refusals above might come from the graphs themselves."""
    names = dict.fromkeys(GOOD, "tiny.safetensors") | {"hypernetworks": "tiny.pt"}
    names["diffusion_models"] = "a_checkpoints.safetensors"
    for folder, name in names.items():
        assert studio.errors(using(folder, name)) == {}, folder


def test_links_to_files_elsewhere_are_read_like_files(studio: Studio, tmp_path: Path) -> None:
    """What the operator links is the operator's; what it leads to is checked all the same."""
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras" / "x.safetensors").symlink_to("/etc/passwd")
    (tmp_path / "loras" / "gone.safetensors").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loras" / "loop.safetensors").symlink_to(tmp_path / "loras" / "loop.safetensors")
    found = scan_models(tmp_path / "none", tmp_path, DigestCache(tmp_path / "digests.json"))
    assert [file.name for file in found.files if file.problem is None] == []

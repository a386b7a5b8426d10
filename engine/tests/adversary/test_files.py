"""Model files that are missing, bad, or of another kind, through every loader."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.adversary.bad_files import CONTENTS, GOOD, SHARES
from tests.adversary.studio import Graph, Studio, loaded, n, picture


def using(folder: str, name: str) -> tuple[Graph, str]:
    """A graph that computes with a file of the folder, and the id of the node that loads it."""
    graph = loaded()
    graph["8"] = n("EmptyImage", width=64, height=64, batch_size=1, color=0x408020)
    vision = n("CLIPVisionLoader", clip_name="tiny.safetensors")
    match folder:
        case "checkpoints":
            graph["1"] = n("CheckpointLoaderSimple", ckpt_name=name)
            return graph, "1"
        case "diffusion_models":
            graph["9"] = n("UNETLoader", unet_name=name, weight_dtype="default")
            graph["5"]["inputs"]["model"] = ["9", 0]
        case "vae":
            graph["9"] = n("VAELoader", vae_name=name)
            graph["6"]["inputs"]["vae"] = ["9", 0]
        case "loras":
            graph["9"] = n("LoraLoaderModelOnly", model=["1", 0], lora_name=name, strength_model=1.0)
            graph["5"]["inputs"]["model"] = ["9", 0]
        case "hypernetworks":
            graph["9"] = n("HypernetworkLoader", model=["1", 0], hypernetwork_name=name, strength=1.0)
            graph["5"]["inputs"]["model"] = ["9", 0]
        case "controlnet":
            graph["9"] = n("ControlNetLoader", control_net_name=name)
            links = {"conditioning": ["2", 0], "control_net": ["9", 0], "image": ["8", 0]}
            graph["10"] = n("ControlNetApply", strength=1.0, **links)
            graph["5"]["inputs"]["positive"] = ["10", 0]
        case "ipadapter":
            graph |= {"9": n("IPAdapterLoader", ipadapter_name=name), "10": vision}
            links = {"model": ["1", 0], "ipadapter": ["9", 0], "clip_vision": ["10", 0], "image": ["8", 0]}
            graph["11"] = n("IPAdapterApply", weight=1.0, start_at=0.0, end_at=1.0, **links)
            graph["5"]["inputs"]["model"] = ["11", 0]
        case "clip_vision":
            graph["9"] = n("CLIPVisionLoader", clip_name=name)
            graph["10"] = n("CLIPVisionEncode", clip_vision=["9", 0], image=["8", 0], crop="center")
            graph["7"] = n("PreviewAny", source=["10", 0])
        case "style_models":
            graph |= {"9": n("StyleModelLoader", style_model_name=name), "10": vision}
            graph["11"] = n("CLIPVisionEncode", clip_vision=["10", 0], image=["8", 0], crop="center")
            links = {"conditioning": ["2", 0], "style_model": ["9", 0], "clip_vision_output": ["11", 0]}
            graph["12"] = n("StyleModelApply", strength=1.0, strength_type="multiply", **links)
            graph["5"]["inputs"]["positive"] = ["12", 0]
        case "text_encoders":
            graph["9"] = n("CLIPLoader", clip_name=name, type="sd3")
            graph["2"]["inputs"]["clip"] = ["9", 0]
            graph["7"] = n("PreviewAny", source=["2", 0])
        case "upscale_models":
            graph["9"] = n("UpscaleModelLoader", model_name=name)
            graph["10"] = n("ImageUpscaleWithModel", upscale_model=["9", 0], image=["8", 0])
            graph["7"] = n("PreviewImage", images=["10", 0])
    return graph, "9"


NAMES = ("gone.safetensors", "../checkpoints/tiny.safetensors", "/etc/passwd", "", "a\0b", "\ud800", "x" * 100_000)
FOLDERS = [*GOOD, "hypernetworks", "diffusion_models"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_name_that_is_no_file_of_the_folder_is_missing(studio: Studio, folder: str) -> None:
    for name in NAMES:
        graph, loader = using(folder, name)
        error = studio.refuses(graph, "model.file_missing", loader, "put it into")
        assert len(error.message) < 1000


def assert_refused(studio: Studio, kind: str, names: Iterable[str], *codes: str) -> None:
    for name in names:
        graph, _ = using(kind, name)
        error = studio.error(graph)
        assert error.code in codes, (name, error)
        assert error.node_id in graph and error.node_class == graph[str(error.node_id)]["class_type"]
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


def test_a_picture_of_the_good_files_draws(studio: Studio) -> None:
    """Else the refusals above might come from the graphs themselves."""
    for folder in ("checkpoints", "vae", "loras", "controlnet", "ipadapter", "clip_vision", "text_encoders"):
        assert studio.run(using(folder, "tiny.safetensors")[0]).node_errors == {}
    assert studio.run(using("hypernetworks", "tiny.pt")[0]).node_errors == {}
    assert studio.run(using("upscale_models", "tiny.safetensors")[0], in__png=picture()).node_errors == {}

"""A diffusers folder draws what the single file of the same weights draws."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.errors import EngineError
from studio_engine.models.inventory import Inventory, scan_models
from studio_engine.models.store import ModelStore
from studio_engine.runtime.plan import plain_plan
from tests.models.families.tiny_source import run_of
from tests.models.tiny_checkpoint import TINY_METADATA, tiny_modules, write_tiny_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiny_checkpoint(tmp_path / "checkpoints" / "tiny.safetensors")
    root = tmp_path / "diffusers" / "mine" / "tiny"
    unet, vae, text = tiny_modules()
    for part, module in (("unet", unet), ("vae", vae), ("text_encoder", text)):
        (root / part).mkdir(parents=True)
        name = "model" if part == "text_encoder" else "diffusion_pytorch_model"
        tensors = {key: value.contiguous() for key, value in module.state_dict().items()}
        save_file(tensors, root / part / f"{name}.safetensors", TINY_METADATA)
    (root / "model_index.json").write_text("{}")
    return tmp_path


def inventory_of(folder: Path) -> Inventory:
    return scan_models(folder / "none", folder, DigestCache(folder / "digests.json"))


def test_a_folder_is_the_same_model_as_a_file(folder: Path) -> None:
    store = ModelStore(inventory_of(folder), plain_plan(), 2**28)
    (model, clip, vae), (other, words, autoencoder) = store.checkpoint("tiny.safetensors"), store.pipeline("mine/tiny")
    context = clip.encode("a (red:1.3) house")
    torch.testing.assert_close(words.encode("a (red:1.3) house")[0].context, context[0].context)
    x, sigma = torch.randn(1, 4, 8, 8), torch.tensor([2.0])
    answers = [
        each.denoise(x, sigma, each.network.prepare(context[0], 0, run_of((1, 4, 8, 8)))) for each in (model, other)
    ]
    torch.testing.assert_close(*answers)
    torch.testing.assert_close(autoencoder.decode(x), vae.decode(x))


def test_folders_are_listed_by_name_and_digest(folder: Path) -> None:
    inventory = inventory_of(folder)
    assert inventory.list_files("diffusers") == ["mine/tiny"]
    before = inventory.digest("diffusers", "mine/tiny")
    vae = folder / "diffusers" / "mine" / "tiny" / "vae" / "diffusion_pytorch_model.safetensors"
    save_file({"decoder.conv_in.weight": torch.zeros(1)}, vae)
    assert inventory_of(folder).digest("diffusers", "mine/tiny") != before


def test_a_folder_that_lacks_a_part_is_refused(folder: Path) -> None:
    (folder / "diffusers" / "mine" / "tiny" / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    store = ModelStore(inventory_of(folder), plain_plan(), 2**28)
    with pytest.raises(EngineError, match="holds no diffusion_model") as caught:
        store.pipeline("mine/tiny")
    assert caught.value.code == "model.file_missing"
    with pytest.raises(EngineError, match="no folder other"):
        store.pipeline("other")

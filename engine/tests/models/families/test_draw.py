"""From a checkpoint of each family to a picture."""

import pytest
import torch
from torch import Tensor

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.models.inventory import scan_models
from studio_engine.models.store import ModelStore
from studio_engine.runtime.plan import plain_plan
from studio_engine.sampling.conditioning import Conditioning
from studio_engine.sampling.model import Latent, Model
from studio_engine.sampling.sample import SampleSettings, sample
from tests.models.families.tiny_files import UNETS, family_of, tiny_file

SETTINGS = SampleSettings(seed=1, steps=2, cfg=3.0, sampler="euler", scheduler="normal")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("families")
    (folder / "checkpoints").mkdir()
    for name in UNETS:
        tiny_file(folder / "checkpoints" / f"{name}.safetensors", name)
    return ModelStore(scan_models(folder / "none", folder, DigestCache(folder / "d.json")), plain_plan(), 2**28)


def drawn(model: Model, positive: Conditioning, negative: Conditioning, *, mask: Tensor | None = None) -> Tensor:
    empty = Latent(torch.zeros(1, 4, 8, 8), mask=mask)
    return sample(model, empty, SETTINGS, positive=positive, negative=negative, on_step=lambda *_: None)


@pytest.mark.parametrize("name", sorted(UNETS))
def test_a_checkpoint_draws_what_the_prompt_says(store: ModelStore, name: str) -> None:
    model, clip, vae = store.checkpoint(f"{name}.safetensors")
    assert model.network.family == family_of(name)
    cat, dog, nothing = (clip.encode(words) for words in ("a cat", "a (dog:1.3)", ""))
    picture = drawn(model, cat, nothing)
    assert torch.isfinite(picture).all()
    assert not torch.allclose(picture, drawn(model, dog, nothing))
    assert torch.equal(picture, drawn(model, cat, nothing))
    assert vae.decode(picture).shape == (1, 64, 64, 3)
    assert model.network.to_rgb(model.latent.to_model(picture)).shape == (1, 8, 8, 3)


@pytest.mark.parametrize("name", ["sd1_inpaint", "sdxl_inpaint"])
def test_inpainting_networks_see_where_to_draw(store: ModelStore, name: str) -> None:
    model, clip, _ = store.checkpoint(f"{name}.safetensors")
    cat, nothing = clip.encode("a cat"), clip.encode("")
    half = torch.zeros(1, 8, 8)
    half[:, :4] = 1
    masked = drawn(model, cat, nothing, mask=half)
    assert masked[:, :, 4:].abs().max() < 1e-4
    assert not torch.allclose(masked[:, :, :4], drawn(model, cat, nothing)[:, :, :4])

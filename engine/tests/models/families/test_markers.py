"""What a network's output means, told by keys beside the weights or by the weights themselves."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from studio_engine.checkpoint.safetensors_file import read_header
from studio_engine.models.families import family_named
from studio_engine.models.families.unet.keys import ldm_key
from studio_engine.models.families.unet.modules import empty_unet
from studio_engine.models.keys import PartKeys
from studio_engine.sampling.edm import ContinuousSampling
from tests.models.families.tiny_unets import TINY_SD2
from tests.models.tiny_checkpoint import UNET_PREFIX, randomised

TELLTALE = f"{UNET_PREFIX}output_blocks.11.1.transformer_blocks.0.norm1.bias"


def keys_of(path: Path, tensors: dict[str, Tensor]) -> PartKeys:
    save_file({f"{UNET_PREFIX}out.2.bias": torch.zeros(4)} | tensors, path / "m.safetensors")
    return PartKeys(read_header(path / "m.safetensors"), UNET_PREFIX)


@pytest.mark.parametrize(
    ("marks", "prediction", "sigma_max"),
    [
        ({}, "eps", 14.6146),
        ({"v_pred": torch.zeros(0)}, "v", 14.6146),
        ({"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, "v", 4518.76),
        ({"ztsnr": torch.zeros(0)}, "eps", 14.6146),
        ({"edm_mean": torch.zeros(1, 4, 1, 1), "edm_std": torch.ones(1, 4, 1, 1)}, "edm", 80.0),
        ({"edm_vpred.sigma_max": torch.tensor(120.0)}, "v", 120.0),
    ],
)
@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_markers_say_what_the_output_is(
    tmp_path: Path, family: str, marks: dict[str, Tensor], prediction: str, sigma_max: float
) -> None:
    sampling = family_named(family).sampling(keys_of(tmp_path, marks))
    assert sampling.prediction == prediction
    assert sampling.sigma_max == pytest.approx(sigma_max, rel=1e-4)


def test_cosxl_may_name_its_lowest_noise(tmp_path: Path) -> None:
    marks = {"edm_vpred.sigma_max": torch.tensor(120.0), "edm_vpred.sigma_min": torch.tensor(0.01)}
    sampling = family_named("sdxl").sampling(keys_of(tmp_path, marks))
    assert isinstance(sampling, ContinuousSampling)
    assert sampling.sigma_min == pytest.approx(0.01)


def test_playgrounds_latents_are_normalised_per_channel(tmp_path: Path) -> None:
    marks = {"edm_mean": torch.zeros(1, 4, 1, 1), "edm_std": torch.ones(1, 4, 1, 1)}
    latent = family_named("sdxl").latent(keys_of(tmp_path, marks))
    raw = torch.tensor(latent.mean).view(1, 4, 1, 1) + torch.tensor(latent.deviation).view(1, 4, 1, 1)
    torch.testing.assert_close(latent.to_model(raw), torch.full((1, 4, 1, 1), 0.5))
    torch.testing.assert_close(latent.to_raw(latent.to_model(raw)), raw)


@pytest.mark.parametrize(("spread", "prediction"), [(0.2, "v"), (0.02, "eps")])
def test_sd2_is_told_by_how_far_a_bias_spreads(tmp_path: Path, spread: float, prediction: str) -> None:
    unet = randomised(empty_unet(TINY_SD2), 0)
    tensors = {UNET_PREFIX + ldm_key(name, TINY_SD2): value.contiguous() for name, value in unet.state_dict().items()}
    tensors[TELLTALE] = torch.tensor([spread, -spread] * 8)
    assert family_named("sd2").sampling(keys_of(tmp_path, tensors)).prediction == prediction

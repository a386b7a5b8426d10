"""A UNet's handle: what it makes of prompts, and whole forwards at the published sizes."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from studio_engine.errors import EngineError
from studio_engine.models.families import family_named
from studio_engine.models.families.unet.config import read_unet_config
from studio_engine.models.families.unet.modules import empty_unet
from studio_engine.models.families.unet.network import UnetNetwork
from studio_engine.models.files import ModelFile
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import PartRef
from studio_engine.sampling.conditioning import Cond
from studio_engine.sampling.model import Model
from tests.models.families.test_published import header_of
from tests.models.families.tiny_source import OnePart, run_of
from tests.models.published import stored

PREFIX = "model.diffusion_model."


def keys_of(name: str) -> PartKeys:
    return PartKeys(header_of(stored(name)), PREFIX)


def network_of(name: str, family: str, module: nn.Module | None = None) -> UnetNetwork:
    keys = keys_of(name)
    config = read_unet_config(keys)
    file = ModelFile(name, "checkpoint", Path(name), name, 0, name, family)
    source = OnePart(module or nn.Identity(), config)
    network = family_named(family).network(source, PartRef((file,), "network", family), None, keys)
    assert isinstance(network, UnetNetwork)
    return network


def with_shared_weights(module: nn.Module) -> nn.Module:
    """Random weights at full size in the memory of the largest: all of them are views of one storage."""
    largest = max(parameter.numel() for parameter in module.parameters())
    values = torch.empty(largest).uniform_(-0.02, 0.02, generator=torch.Generator().manual_seed(0))
    for owner in module.modules():
        for name, parameter in list(owner.named_parameters(recurse=False)):
            weight = values[: parameter.numel()].view(parameter.shape)
            if parameter.ndim == 1:
                # Small norms and biases keep activations finite through 70 transformer layers.
                weight = torch.full(parameter.shape, 0.1) if name == "weight" else torch.zeros(parameter.shape)
            setattr(owner, name, nn.Parameter(weight, requires_grad=False))
    return module


@pytest.mark.parametrize(
    ("name", "family", "vector", "concat"),
    [
        ("sd1", "sd1", None, None),
        ("sd1_inpaint", "sd1", None, 5),
        ("sd1_pix2pix", "sd1", None, 4),
        ("sd2", "sd2", None, None),
        ("sdxl", "sdxl", 2816, None),
        ("sdxl_inpaint_unet", "sdxl", 2816, 5),
        ("sdxl_refiner", "sdxl_refiner", 2560, None),
    ],
)
def test_prompts_become_what_the_network_reads(name: str, family: str, vector: int | None, concat: int | None) -> None:
    network = network_of(name, family)
    cond = Cond(torch.zeros(1, 77, network.reading.context_width), torch.zeros(1, 1280))
    inputs = network.prepare(cond, 0, run_of((1, 4, 8, 8)))
    assert (None if inputs.vector is None else inputs.vector.shape[1]) == vector
    assert (None if inputs.concat is None else inputs.concat.shape[1]) == concat


def test_a_prompt_of_another_family_is_refused() -> None:
    with pytest.raises(EngineError, match=r"768 numbers per token and the model reads 2048"):
        network_of("sdxl", "sdxl").prepare(Cond(torch.zeros(1, 77, 768)), 0, run_of((1, 4, 8, 8)))


@torch.no_grad()
@pytest.mark.parametrize(("name", "family", "count"), [("sd1", "sd1", 859_520_964), ("sdxl", "sdxl", 2_567_463_684)])
def test_a_network_of_full_size_draws_at_64_pixels(name: str, family: str, count: int) -> None:
    module = with_shared_weights(empty_unet(read_unet_config(keys_of(name))))
    assert sum(math.prod(parameter.shape) for parameter in module.parameters()) == count
    network = network_of(name, family, module)
    model = Model(network, family_named(family).sampling(keys_of(name)), network.latent)
    cond = Cond(torch.randn(1, 77, network.reading.context_width), torch.randn(1, 1280))
    inputs = replace(network.prepare(cond, 0, run_of((1, 4, 8, 8))), prompt_of_row=(0,))
    x = torch.randn(1, 4, 8, 8)
    denoised = model.denoise(x, torch.tensor([1.0]), inputs)
    assert denoised.shape == x.shape
    assert torch.isfinite(denoised).all()
    assert not torch.allclose(denoised, x)

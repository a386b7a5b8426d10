"""Files of every family in their published layouts and full sizes: recognised, explained to the last tensor."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from studio_engine.checkpoint.header import TensorEntry
from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.models.blueprints import blueprint_of
from studio_engine.models.detect import detect_network
from studio_engine.models.families.idle import is_idle_for_network
from studio_engine.models.families.unet.config import UnetConfig, read_unet_config
from studio_engine.models.files import ModelFile
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import Blueprint, PartRef
from studio_engine.models.vae.config import VaeConfig
from studio_engine.runtime.plan import plain_plan
from tests.models.published import Shapes, files, stored

FAMILIES = {
    "sd1": ("sd1", 4),
    "sd1_inpaint": ("sd1", 9),
    "sd1_pix2pix": ("sd1", 8),
    "sd2": ("sd2", 4),
    "sd2_inpaint": ("sd2", 9),
    "sd2_unclip": ("sd2", 4),
    "sdxl": ("sdxl", 4),
    "sdxl_inpaint_unet": ("sdxl", 9),
    "sdxl_refiner": ("sdxl_refiner", 4),
}
UNET_WEIGHTS = {"sd1": 859_520_964, "sd2": 865_910_724, "sdxl": 2_567_463_684}
"""As their publishers count them."""
PREFIX = "model.diffusion_model."


def header_of(shapes: Shapes, dtype: str = "F16", metadata: Mapping[str, str] | None = None) -> SafetensorsHeader:
    entries = {name: TensorEntry(dtype, shape, 0, math.prod(shape)) for name, shape in shapes.items()}
    return SafetensorsHeader(Path("published.safetensors"), 0, 0, metadata or {}, entries)


def file_named(name: str) -> ModelFile:
    return ModelFile(name, "checkpoint", Path(name), name, 0, name, None)


def blueprint(part: str, header: SafetensorsHeader) -> Blueprint:
    return blueprint_of(PartRef((file_named("published"),), part, "sd1"), [header], plain_plan())


def keys_used(plan: Blueprint, header: SafetensorsHeader) -> set[str]:
    """Every parameter must find a stored tensor of its shape; 1×1 convolutions and linear layers are the same."""
    used = set()
    for name, target in plan.empty().state_dict().items():
        origin = plan.source(name)
        shape = header.shape(origin.key)
        assert shape is not None, f"{name}: there is no {origin.key}"
        squeezed = [side for side in shape[2:] if side != 1]
        assert [*shape[:2], *squeezed] == [*target.shape[:2], *(side for side in target.shape[2:] if side != 1)], name
        used.add(origin.key)
    return used


def config_of(name: str) -> UnetConfig:
    return read_unet_config(detect_network(header_of(stored(name)))[1])


@pytest.mark.parametrize("name", sorted(files()))
def test_the_kept_lists_are_those_of_the_architecture(name: str) -> None:
    assert stored(name) == files()[name]


@pytest.mark.parametrize("name", sorted(UNET_WEIGHTS))
def test_networks_have_as_many_weights_as_published(name: str) -> None:
    assert sum(math.prod(s) for key, s in stored(name).items() if key.startswith(PREFIX)) == UNET_WEIGHTS[name]


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_the_family_is_told_from_names_and_shapes(name: str) -> None:
    family, keys = detect_network(header_of(stored(name)))
    config = read_unet_config(keys)
    assert (family.name, config.in_channels) == FAMILIES[name]


@pytest.mark.parametrize("name", sorted(FAMILIES))
@pytest.mark.parametrize("prefix", ["model.diffusion_model.", ""])
def test_every_tensor_of_the_network_has_its_place(name: str, prefix: str) -> None:
    network = {prefix + key.removeprefix(PREFIX): s for key, s in stored(name).items() if key.startswith(PREFIX)}
    header = header_of(network)
    assert keys_used(blueprint("network", header), header) == set(network)


@pytest.mark.parametrize("name", ["sd1", "sd2", "sdxl", "sdxl_refiner"])
def test_every_tensor_of_a_checkpoint_is_some_parts(name: str) -> None:
    header = header_of(stored(name))
    used = keys_used(blueprint("network", header), header) | keys_used(blueprint("vae", header), header)
    left = set(header.tensors) - used
    assert all(is_idle_for_network(key) for key in left)
    assert all(key.startswith(("cond_stage_model.", "conditioner.")) for key in left)


@pytest.mark.parametrize("name", ["sd1", "sd2", "sdxl", "sdxl_refiner"])
def test_diffusers_names_give_the_same_network(name: str) -> None:
    config = config_of(name)
    network = blueprint("network", header_of(stored(name))).empty()
    header = header_of({key: tuple(value.shape) for key, value in network.state_dict().items()})
    family, keys = detect_network(header)
    assert (family.name, read_unet_config(keys)) == (FAMILIES[name][0], config)
    assert keys_used(blueprint("network", header), header) == set(header.tensors)


@pytest.mark.parametrize(("name", "channels"), [("vae", 4), ("vae_16", 16)])
def test_every_tensor_of_an_autoencoder_has_its_place(name: str, channels: int) -> None:
    header = header_of(stored(name))
    plan = blueprint("vae", header)
    assert keys_used(plan, header) == set(header.tensors)
    assert isinstance(plan.config, VaeConfig)
    assert (plan.config.latent_channels, plan.config.has_quant, plan.config.downscale) == (channels, channels == 4, 8)


OLD = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}


@pytest.mark.parametrize("is_old", [False, True])
def test_autoencoders_are_read_in_diffusers_names(is_old: bool) -> None:
    shapes: Shapes = {}
    for name, value in blueprint("vae", header_of(stored("vae"))).empty().state_dict().items():
        for new, old in OLD.items():
            name = name.replace(new, old) if is_old else name
        shapes[name] = tuple(value.shape)
    header = header_of(shapes)
    assert keys_used(blueprint("vae", header), header) == set(shapes)


def test_what_sizes_tell_is_told_right() -> None:
    sdxl, refiner, sd1 = config_of("sdxl"), config_of("sdxl_refiner"), config_of("sd1")
    assert (sdxl.heads, sdxl.vector_width, sdxl.context_width) == ((5, 10, 20), 2816, 2048)
    assert (sdxl.down_depths, sdxl.middle_depth) == (((0, 0), (2, 2), (10, 10)), 10)
    assert (refiner.heads, refiner.vector_width, refiner.context_width) == ((6, 12, 24, 24), 2560, 1280)
    assert (sd1.heads, sd1.vector_width, sd1.context_width) == ((8, 8, 8, 8), None, 768)


def test_eight_bit_files_stay_eight_bit_in_memory() -> None:
    narrow = blueprint("network", header_of(stored("sd1"), "F8_E4M3"))
    assert (narrow.stored_dtype, narrow.dtype) == (torch.float8_e4m3fn, torch.float32)
    assert blueprint("network", header_of(stored("sd1"))).stored_dtype is None


def test_weights_with_scales_are_multiplied_out() -> None:
    shapes = stored("sd1") | {f"{PREFIX}out.2.scale_weight": ()}
    assert blueprint("network", header_of(shapes, "F8_E4M3")).stored_dtype is None


def test_part_names_end_where_the_next_part_begins() -> None:
    keys = PartKeys(header_of(stored("sdxl")), PREFIX)
    assert len(keys.names) == 1680
    assert isinstance(blueprint("network", keys.header).empty(), nn.Module)

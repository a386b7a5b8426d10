"""LoRAs of whole networks at full size, without memory: each weight of each family is found under each of its names."""

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from studio_engine.checkpoint.header import TensorEntry
from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.models.adapters.change import Added, Change, Decomposed
from studio_engine.models.adapters.layouts import single_file_source
from studio_engine.models.adapters.low_rank import LowRank
from studio_engine.models.adapters.names import part_of, spelling_of, targets
from studio_engine.models.adapters.patch import fit
from studio_engine.models.families import network_blueprint
from studio_engine.models.parts import Blueprint, PartRef
from studio_engine.runtime.plan import plain_plan
from tests.models import published
from tests.models.dit import published as published_dit

Shapes = dict[str, tuple[int, ...]]
RANK = 4

NETWORKS: dict[str, Callable[[], Shapes]] = {
    "SD 1.5": lambda: dict(published.unet(published.SD15)),
    "SD 2": lambda: dict(published.unet(published.SD21)),
    "SDXL": lambda: dict(published.unet(published.SDXL)),
    "SDXL refiner": lambda: dict(published.unet(published.REFINER)),
    "SD 3.5 medium": lambda: dict(published_dit.sd3(published_dit.MEDIUM_35)),
    "SD 3.5 large": lambda: dict(published_dit.sd3(published_dit.LARGE_35)),
    "Flux": lambda: dict(published_dit.flux(published_dit.DEV)),
}


@cache
def blueprint(family: str) -> tuple[Blueprint, Shapes]:
    """With the shapes of its parameters."""
    entries = {key: TensorEntry("F16", shape, 0, 0) for key, shape in NETWORKS[family]().items()}
    header = SafetensorsHeader(Path("n.safetensors"), 0, 0, {}, entries)
    made = network_blueprint(PartRef((), "network", ""), [header], plain_plan())
    return made, {name: tuple(value.shape) for name, value in made.empty().named_parameters()}


def change(shape: Iterable[int]) -> Change:
    rows, *rest = shape
    with torch.device("meta"):
        return Added(LowRank(torch.empty(rows, RANK), torch.empty(RANK, *rest)))


def fitted(family: str, names: dict[str, Change]) -> tuple[dict[str, Change], list[str]]:
    made, shapes = blueprint(family)
    known = targets(shapes, single_file_source(made.config))
    sizes = {name: torch.Size(shape) for name, shape in shapes.items()}
    return fit({(spelling_of(name).name, "weight"): each for name, each in names.items()}, known, sizes)


def matrices(shapes: Shapes) -> Shapes:
    return {
        name.removesuffix(".weight"): tuple(shape)
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) > 1
    }


@pytest.mark.parametrize("family", NETWORKS)
def test_every_weight_is_found_under_its_makers_name(family: str) -> None:
    names = {f"diffusion_model.{name}": change(shape) for name, shape in matrices(NETWORKS[family]()).items()}
    found, unknown = fitted(family, names)
    assert unknown == []
    assert set(found) == {f"{name}.weight" for name in matrices(blueprint(family)[1])}


@pytest.mark.parametrize("family", NETWORKS)
def test_every_weight_is_found_under_its_name_in_diffusers(family: str) -> None:
    own = matrices(blueprint(family)[1])
    found, unknown = fitted(family, {f"unet.{name}": change(shape) for name, shape in own.items()})
    assert unknown == []
    assert set(found) == {f"{name}.weight" for name in own}


@pytest.mark.parametrize("family", NETWORKS)
def test_every_trainer_spells_the_same_name(family: str) -> None:
    for name in (*matrices(NETWORKS[family]()), *matrices(blueprint(family)[1])):
        flat = name.replace(".", "_")
        spelt = {
            spelling_of(each)
            for each in (
                name,
                f"lora_unet_{flat}",
                f"lycoris_{flat}",
                f"lora_transformer_{flat}",
                f"unet.{name}",
                f"transformer.{name}",
                f"diffusion_model.{name}",
                f"base_model.model.{name}",
            )
        }
        assert len(spelt) == 1, name


def test_a_fused_change_is_divided_among_queries_keys_and_values() -> None:
    up, down = torch.randn(9216, RANK), torch.randn(RANK, 3072)
    name = "lora_unet_double_blocks_3_img_attn_qkv"
    found, _ = fitted("Flux", {name: Added(LowRank(up, down))})
    assert sorted(found) == [f"transformer_blocks.3.attn.to_{each}.weight" for each in "kqv"]
    rows: Tensor = found["transformer_blocks.3.attn.to_k.weight"].applied(torch.zeros(3072, 3072), 1.0)
    torch.testing.assert_close(rows, (up @ down)[3072:6144], rtol=1e-3, atol=1e-3)


def test_a_decomposed_change_of_a_fused_weight_fits_nowhere() -> None:
    with torch.device("meta"):
        whole = Decomposed(LowRank(torch.empty(9216, RANK), torch.empty(RANK, 3072)), torch.empty(1, 3072))
    found, unknown = fitted("Flux", {"lora_unet_double_blocks_3_img_attn_qkv": whole})
    assert found == {}
    assert unknown == ["double_blocks_3_img_attn_qkv"]


@pytest.mark.parametrize(
    ("name", "encoders", "part"),
    [
        ("lora_te_text_model_encoder_layers_0_mlp_fc1", ("clip_l",), "clip_l"),
        ("lora_te_text_model_encoder_layers_0_mlp_fc1", ("clip_h",), "clip_h"),
        ("lora_te_text_model_encoder_layers_0_mlp_fc1", ("clip_g",), "clip_g"),
        ("lora_te1_text_model_encoder_layers_0_mlp_fc1", ("clip_l", "clip_g"), "clip_l"),
        ("lora_te2_text_model_encoder_layers_0_mlp_fc1", ("clip_l", "clip_g"), "clip_g"),
        ("text_encoder_2.text_model.encoder.layers.0.mlp.fc1", ("clip_l", "clip_g"), "clip_g"),
        ("text_encoder_2.text_model.encoder.layers.0.mlp.fc1", ("clip_l",), None),
        ("lora_te3_encoder_block_0_layer_0_SelfAttention_q", ("clip_l", "clip_g", "t5xxl"), "t5xxl"),
        ("lora_te2_encoder_block_0_layer_0_SelfAttention_q", ("clip_l", "t5xxl"), "t5xxl"),
        ("lora_te3_encoder_block_0_layer_0_SelfAttention_q", ("clip_l", "t5xxl"), "t5xxl"),
        ("text_encoders.t5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q", ("clip_l", "t5xxl"), "t5xxl"),
        ("lora_unet_input_blocks_1_1_proj_in", ("clip_l",), "network"),
    ],
)
def test_text_encoders_are_told_apart(name: str, encoders: tuple[str, ...], part: str | None) -> None:
    assert part_of(spelling_of(name), encoders) == part


def test_text_encoders_have_one_name_in_all_spellings() -> None:
    names = [
        "lora_te1_text_model_encoder_layers_0_mlp_fc1",
        "lora_te2_encoder_layers_0_mlp_fc1",
        "text_encoder.text_model.encoder.layers.0.mlp.fc1",
        "text_encoders.clip_l.transformer.text_model.encoder.layers.0.mlp.fc1",
    ]
    assert {spelling_of(name).name for name in names} == {"encoder_layers_0_mlp_fc1"}

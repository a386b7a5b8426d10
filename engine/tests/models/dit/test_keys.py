"""Transformers are found in every published layout, at full size."""

from pathlib import Path

import pytest
import torch

from studio_engine.errors import EngineError
from studio_engine.models.families import find_network
from studio_engine.models.families.dit.blueprint import flux_blueprint, sd3_blueprint
from studio_engine.models.families.dit.config import FluxConfig, Sd3Config
from studio_engine.models.families.dit.keys import flux_source, sd3_source, swapped
from studio_engine.models.files import ModelFile
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import PartRef
from studio_engine.runtime.plan import plain_plan
from tests.models.dit.published import (
    CANNY,
    DEV,
    FILL,
    LARGE_35,
    MEDIUM_3,
    MEDIUM_35,
    SCHNELL,
    FluxShape,
    Sd3Shape,
    flux,
    sd3,
)
from tests.models.text.published import check_all_explained, header_of, prefixed

PREFIX = "model.diffusion_model."


def ref(family: str, dtype: str | None = None) -> PartRef:
    file = ModelFile("x", "checkpoint", Path("x"), "0" * 64, 0, "x", family)
    return PartRef((file,), "network", family, weight_dtype=dtype)


@pytest.mark.parametrize(
    ("shape", "config"),
    [
        (MEDIUM_3, Sd3Config(16, 1536, 24, 24, 4096, 2048, 192, is_normed=False, dual_layers=0)),
        (MEDIUM_35, Sd3Config(16, 1536, 24, 24, 4096, 2048, 384, is_normed=True, dual_layers=13)),
        (LARGE_35, Sd3Config(16, 2432, 38, 38, 4096, 2048, 192, is_normed=True, dual_layers=0)),
    ],
)
def test_every_sd3_tensor_has_its_place(shape: Sd3Shape, config: Sd3Config) -> None:
    header = header_of(prefixed(PREFIX, sd3(shape)))
    found = find_network(header)
    assert found is not None
    family, keys = found
    assert family.name == "sd3"
    blueprint = sd3_blueprint(ref("sd3"), keys, plain_plan())
    assert blueprint.config == config
    check_all_explained(blueprint, header)


@pytest.mark.parametrize(
    ("shape", "channels", "has_guidance"), [(DEV, 16, True), (SCHNELL, 16, False), (FILL, 96, True), (CANNY, 32, True)]
)
def test_every_flux_tensor_has_its_place(shape: FluxShape, channels: int, has_guidance: bool) -> None:
    header = header_of(prefixed(PREFIX, flux(shape)), "BF16")
    found = find_network(header)
    assert found is not None
    family, keys = found
    assert family.name == "flux"
    blueprint = flux_blueprint(ref("flux"), keys, plain_plan())
    assert blueprint.config == FluxConfig(channels, 16, 3072, 24, 19, 38, 4096, 768, has_guidance)
    check_all_explained(blueprint, header)


@pytest.mark.parametrize(("names", "family"), [(sd3(MEDIUM_3), "sd3"), (flux(DEV), "flux")])
def test_a_file_of_the_network_alone_has_no_prefix(names: object, family: str) -> None:
    found, keys = find_network(header_of(dict(names)))  # type: ignore[call-overload, misc]
    assert (found.name, keys.prefix) == (family, "")


@pytest.mark.parametrize("names", [sd3(MEDIUM_35), flux(DEV)])
def test_diffusers_own_layout_is_read_too(names: object) -> None:
    shapes = dict(names)  # type: ignore[call-overload]
    family, keys = find_network(header_of(shapes))  # type: ignore[misc]
    module = family.blueprint(ref(family.name), keys, plain_plan()).empty()
    own = header_of({name: tuple(value.shape) for name, value in module.state_dict().items()})
    again, own_keys = find_network(own)  # type: ignore[misc]
    assert again.name == family.name
    blueprint = again.blueprint(ref(family.name), own_keys, plain_plan())
    assert blueprint.config == family.blueprint(ref(family.name), keys, plain_plan()).config
    check_all_explained(blueprint, own)


@pytest.mark.parametrize(("names", "last"), [(sd3(MEDIUM_3), "final_layer."), (flux(DEV), "final_layer.")])
def test_controlnets_with_the_models_blocks_are_no_models(names: object, last: str) -> None:
    shapes = {name: shape for name, shape in dict(names).items() if not name.startswith(last)}  # type: ignore[call-overload]
    assert find_network(header_of(shapes | {"controlnet_blocks.0.weight": (8, 8)})) is None


@pytest.mark.parametrize("names", [sd3(MEDIUM_35), flux(DEV)])
def test_neither_are_diffusers_controlnets(names: object) -> None:
    family, keys = find_network(header_of(dict(names)))  # type: ignore[call-overload, misc]
    module = family.blueprint(ref(family.name), keys, plain_plan()).empty()
    shapes = {name: tuple(value.shape) for name, value in module.state_dict().items() if "proj_out" not in name}
    assert find_network(header_of(shapes | {"controlnet_blocks.0.weight": (8, 8)})) is None


@pytest.mark.parametrize(
    ("names", "changed", "shape"),
    [
        (flux(DEV), "img_in.weight", (3072,)),
        (flux(DEV), "img_in.weight", (3000, 64)),
        (flux(DEV), "double_blocks.0.img_attn.norm.key_norm.scale", (0,)),
        (flux(DEV), "txt_in.weight", (4096,)),
        (sd3(MEDIUM_35), "x_embedder.proj.weight", (1536, 16)),
        (sd3(MEDIUM_35), "joint_blocks.0.x_block.attn.ln_q.weight", (100,)),
        (sd3(MEDIUM_35), "pos_embed", (1,)),
    ],
)
def test_impossible_sizes_are_refused(names: object, changed: str, shape: tuple[int, ...]) -> None:
    header = header_of(dict(names) | {changed: shape})  # type: ignore[call-overload]
    family, keys = find_network(header)  # type: ignore[misc]
    with pytest.raises(EngineError) as caught:
        family.blueprint(ref(family.name), keys, plain_plan())
    assert caught.value.code == "model.file_corrupt"


def test_descendants_without_a_pooled_text_are_others() -> None:
    chroma = {name: shape for name, shape in flux(SCHNELL) if "vector_in" not in name}
    assert find_network(header_of(chroma)) is None


@pytest.mark.parametrize(("shape", "kind"), [(DEV, "flux"), (SCHNELL, "flux"), (MEDIUM_3, "flow")])
def test_noise_levels_belong_to_the_file(shape: FluxShape | Sd3Shape, kind: str) -> None:
    names = flux(shape) if isinstance(shape, FluxShape) else sd3(shape)
    family, keys = find_network(header_of(dict(names)))  # type: ignore[misc]
    sampling = family.sampling(keys)
    middle = sampling.percent_to_sigma(0.5)
    expected = {DEV: 0.7595, SCHNELL: 0.5, MEDIUM_3: 0.75}[shape]
    assert middle == pytest.approx(expected, abs=1e-3)


def test_8_bit_files_stay_8_bit() -> None:
    keys = PartKeys(header_of(dict(flux(DEV)), "F8_E4M3"))
    assert flux_blueprint(ref("flux"), keys, plain_plan()).stored_dtype == torch.float8_e4m3fn
    wide = PartKeys(header_of(dict(flux(DEV)), "BF16"))
    assert flux_blueprint(ref("flux"), wide, plain_plan()).stored_dtype is None
    assert flux_blueprint(ref("flux", "float8_e5m2"), wide, plain_plan()).stored_dtype == torch.float8_e5m2


def test_fused_projections_are_taken_apart_without_a_gap() -> None:
    config = FluxConfig(16, 16, 32, 1, 1, 1, 8, 8, has_guidance=True)
    stored = torch.arange(7 * 32)[:, None]
    names = ["attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"]
    parts = []
    for name in names:
        origin = flux_source(f"single_transformer_blocks.0.{name}.weight", config)
        assert origin.take is not None
        parts.append(origin.take(stored))
    assert torch.equal(torch.cat(parts), stored)


def test_shift_and_scale_change_places_in_last_norms_alone() -> None:
    assert torch.equal(swapped(torch.tensor([1, 2, 3, 4])), torch.tensor([3, 4, 1, 2]))
    assert sd3_source("norm_out.linear.weight", 2).take is swapped
    assert sd3_source("transformer_blocks.1.norm1_context.linear.bias", 2).take is swapped
    assert sd3_source("transformer_blocks.0.norm1_context.linear.bias", 2).take is None

"""Text encoders are found in every published layout, at full size."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio_engine.errors import EngineError
from studio_engine.models.detect import check_kind
from studio_engine.models.files import ModelFile
from studio_engine.models.parts import PartRef
from studio_engine.models.text.blueprint import clip_blueprint, t5_blueprint
from studio_engine.models.text.clip import ClipConfig, ClipText
from studio_engine.models.text.layout import find_clip
from studio_engine.models.text.open import open_text, part_of, text_parts
from studio_engine.models.text.t5 import T5Config
from studio_engine.runtime.plan import plain_plan
from tests.models.text.published import (
    Shapes,
    check_all_explained,
    header_of,
    open_clip,
    prefixed,
    t5_xxl,
    transformers_clip,
)
from tests.models.text.tiny_text import TinySource, randomised

L = ClipConfig(49408, 77, 768, 3072, 12, 12, is_quick=True, projection=None)
H = ClipConfig(49408, 77, 1024, 4096, 24, 16, is_quick=False, projection=1024)
G = ClipConfig(49408, 77, 1280, 5120, 32, 20, is_quick=False, projection=1280)
T5 = T5Config(32128, 4096, 10240, 24, 64, 64, 32)

SDXL = prefixed("conditioner.embedders.0.transformer.", transformers_clip(768, 12, projection=False)) | prefixed(
    "conditioner.embedders.1.model.", open_clip(1280, 32)
)
SD3 = (
    prefixed("text_encoders.clip_l.transformer.", transformers_clip(768, 12, projection=True))
    | prefixed("text_encoders.clip_g.transformer.", transformers_clip(1280, 32, projection=True))
    | prefixed("text_encoders.t5xxl.transformer.", t5_xxl())
)
SD3_L = ClipConfig(49408, 77, 768, 3072, 12, 12, is_quick=True, projection=768)


WHOLE_CLIP = dict(transformers_clip(768, 12, projection=True)) | {
    "vision_model.encoder.layers.23.mlp.fc1.weight": (4096, 1024),
    "visual_projection.weight": (768, 1024),
    "logit_scale": (),
}
"""A ViT-L with its vision tower, which has 24 layers."""


def ref(part: str, dtype: str | None = None) -> PartRef:
    file = ModelFile("x", "text_encoder", Path("x"), "0" * 64, 0, "x", None)
    return PartRef((file,), part, "sd3", weight_dtype=dtype)


@pytest.mark.parametrize(
    ("part", "shapes", "config"),
    [
        ("clip_l", prefixed("cond_stage_model.transformer.", transformers_clip(768, 12, projection=False)), L),
        ("clip_l", dict(transformers_clip(768, 12, projection=True)), SD3_L),
        ("clip_h", prefixed("cond_stage_model.model.", open_clip(1024, 24)), H),
        ("clip_h", dict(transformers_clip(1024, 24, projection=True)), H),
        ("clip_g", prefixed("conditioner.embedders.0.model.", open_clip(1280, 32)), G),
        ("clip_g", dict(transformers_clip(1280, 32, projection=True)), G),
        ("clip_g", dict(open_clip(1280, 32)), G),
        ("clip_l", WHOLE_CLIP, SD3_L),
        ("clip_l", SDXL, L),
        ("clip_g", SDXL, G),
        ("clip_l", SD3, SD3_L),
        ("clip_g", SD3, G),
    ],
)
def test_every_clip_tensor_has_its_place(part: str, shapes: Shapes, config: ClipConfig) -> None:
    header = header_of(shapes)
    blueprint = clip_blueprint(ref(part), [header], plain_plan())
    assert blueprint.config == config
    check_all_explained(blueprint, header)


@pytest.mark.parametrize("shapes", [dict(t5_xxl()), SD3])
def test_every_t5_tensor_has_its_place(shapes: Shapes) -> None:
    header = header_of(shapes)
    blueprint = t5_blueprint(ref("t5xxl"), [header], plain_plan())
    assert blueprint.config == T5
    check_all_explained(blueprint, header)


def test_t5_may_lie_in_several_files() -> None:
    names = list(t5_xxl())
    headers = [header_of(dict(names[:100])), header_of(dict(names[100:]))]
    assert t5_blueprint(ref("t5xxl"), headers, plain_plan()).config == T5


def test_t5_may_store_its_table_as_the_encoders() -> None:
    shapes = dict(t5_xxl())
    del shapes["shared.weight"]
    header = header_of(shapes)
    check_all_explained(t5_blueprint(ref("t5xxl"), [header], plain_plan()), header)


@pytest.mark.parametrize(
    ("stored", "kept"), [("F16", torch.float16), ("BF16", torch.bfloat16), ("F8_E4M3", torch.float8_e4m3fn)]
)
def test_large_encoders_stay_as_stored(stored: str, kept: torch.dtype) -> None:
    assert t5_blueprint(ref("t5xxl"), [header_of(dict(t5_xxl()), stored)], plain_plan()).dtype == kept


def test_scaled_8_bit_weights_are_widened() -> None:
    scales = {name.replace(".weight", ".scale_weight"): () for name, _ in t5_xxl() if "SelfAttention.q" in name}
    header = header_of(dict(t5_xxl()) | scales | {"scaled_fp8": (0,)}, "F8_E4M3")
    blueprint = t5_blueprint(ref("t5xxl"), [header], plain_plan())
    assert blueprint.dtype == torch.bfloat16
    check_all_explained(blueprint, header)


def test_small_encoders_are_widened_once() -> None:
    header = header_of(dict(transformers_clip(768, 12, projection=False)))
    assert clip_blueprint(ref("clip_l"), [header], plain_plan()).dtype == torch.float32
    assert clip_blueprint(ref("clip_l", "float16"), [header], plain_plan()).dtype == torch.float16


@pytest.mark.parametrize(
    ("shapes", "part"),
    [
        (dict(transformers_clip(768, 12, projection=True)), "clip_l"),
        (dict(transformers_clip(1024, 23, projection=False)), "clip_h"),
        (dict(open_clip(1280, 32)), "clip_g"),
        (dict(t5_xxl()), "t5xxl"),
        (WHOLE_CLIP, "clip_l"),
    ],
)
def test_a_file_of_its_own_is_recognised(shapes: Shapes, part: str) -> None:
    assert part_of(header_of(shapes)) == part


def test_a_whole_clip_may_lie_among_the_text_encoders() -> None:
    check_kind(header_of(WHOLE_CLIP), "text_encoder")
    check_kind(header_of(WHOLE_CLIP), "clip_vision")
    with pytest.raises(EngineError, match="a VAE"):
        check_kind(header_of({"decoder.conv_in.weight": (1, 1, 3, 3)}), "text_encoder")


def test_another_file_is_refused() -> None:
    with pytest.raises(EngineError, match="no text encoder"):
        part_of(header_of({"conv.weight": (3, 3)}))


def test_checkpoints_tell_which_encoders_they_hold() -> None:
    parts = ("clip_l", "clip_g", "t5xxl")
    assert text_parts(header_of(SD3), parts) == parts
    without = {name: shape for name, shape in SD3.items() if "t5xxl" not in name}
    assert text_parts(header_of(without), parts) == ("clip_l", "clip_g")
    assert text_parts(header_of({"joint_blocks.0.x": (1,)}), parts) == ()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("embeddings.token_embedding.weight", (49408,)),
        ("embeddings.token_embedding.weight", (49000, 768)),
        ("embeddings.token_embedding.weight", (49408, 100)),
        ("embeddings.position_embedding.weight", (2, 768)),
        ("encoder.layers.0.mlp.fc1.weight", (0, 768)),
    ],
)
def test_impossible_clip_sizes_are_refused(name: str, shape: tuple[int, ...]) -> None:
    shapes = dict(transformers_clip(768, 12, projection=False)) | {f"text_model.{name}": shape}
    header = header_of(shapes, **{"studio.text_heads": "12"})
    with pytest.raises(EngineError) as caught:
        clip_blueprint(ref("clip_l"), [header], plain_plan())
    assert caught.value.code == "model.file_corrupt"


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("shared.weight", (32000, 4096)),
        ("shared.weight", (32128, 4096, 1)),
        ("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", (32, 0)),
        ("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", (2, 64)),
        ("encoder.block.0.layer.0.SelfAttention.q.weight", (100, 4096)),
    ],
)
def test_impossible_t5_sizes_are_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(EngineError) as caught:
        t5_blueprint(ref("t5xxl"), [header_of(dict(t5_xxl()) | {name: shape})], plain_plan())
    assert caught.value.code == "model.file_corrupt"


def test_the_first_version_of_t5_is_refused() -> None:
    shapes = {name.replace("wi_0", "wi"): shape for name, shape in t5_xxl()}
    with pytest.raises(EngineError, match=r"version 1\.0"):
        t5_blueprint(ref("t5xxl"), [header_of(shapes)], plain_plan())


def test_fused_and_transposed_weights_are_taken_apart() -> None:
    config = ClipConfig(10, 7, 4, 8, 1, 1, is_quick=False, projection=4)
    module = randomised(ClipText(config))
    state = module.state_dict()
    at = "text_model.encoder.layers.0.self_attn"
    fused = torch.cat([state[f"{at}.{name}_proj.weight"] for name in "qkv"])
    layout = find_clip(header_of(prefixed("conditioner.embedders.1.model.", open_clip(4, 1))), "clip_g")
    assert layout is not None
    for name in "qkv":
        origin = layout.source(f"{at}.{name}_proj.weight")
        assert origin.take is not None
        assert torch.equal(origin.take(fused), state[f"{at}.{name}_proj.weight"])
    projection = layout.source("text_projection.weight")
    assert projection.take is not None
    stored = state["text_projection.weight"].t()
    assert torch.equal(projection.take(stored), state["text_projection.weight"])


def clip_file(folder: Path, name: str, layers: int) -> ModelFile:
    shapes = transformers_clip(4, layers, projection=False)
    save_file({key: torch.zeros(shape) for key, shape in shapes}, folder / name)
    return ModelFile(name, "text_encoder", folder / name, name, 0, name, None)


@pytest.mark.parametrize(
    ("layers", "clip_type", "recipe"),
    [
        ((12,), "stable_diffusion", "sd1"),
        ((24,), "stable_diffusion", "sd2"),
        ((32,), "stable_diffusion", "sdxl_refiner"),
        ((32, 12), "sdxl", "sdxl"),
        ((12,), "sd3", "sd3"),
        ((32, 12), "sd3", "sd3"),
    ],
)
def test_the_encoders_decide_what_the_type_leaves_open(
    tmp_path: Path, layers: tuple[int, ...], clip_type: str, recipe: str
) -> None:
    files = [clip_file(tmp_path, f"{count}.safetensors", count) for count in layers]
    opened = open_text(TinySource({}), files, clip_type)
    assert opened.recipe.name == recipe
    assert [ref.part for ref in opened.refs] == sorted(
        (ref.part for ref in opened.refs), key=[rules.part for rules in opened.recipe.encoders].index
    )


def test_families_share_an_encoder_in_memory(tmp_path: Path) -> None:
    file = clip_file(tmp_path, "l.safetensors", 12)
    assert open_text(TinySource({}), [file], "sd3").refs == open_text(TinySource({}), [file], "stable_diffusion").refs


@pytest.mark.parametrize(
    ("layers", "clip_type"), [((12,), "flux"), ((12, 24), "sdxl"), ((12, 11), "sd3"), ((12,), "wan")]
)
def test_sets_that_no_model_reads_are_refused(tmp_path: Path, layers: tuple[int, ...], clip_type: str) -> None:
    files = [clip_file(tmp_path, f"{count}.safetensors", count) for count in layers]
    with pytest.raises(EngineError) as caught:
        open_text(TinySource({}), files, clip_type)
    assert caught.value.code == "model.family_unknown"

"""Picture encoders say what transformers' say, in both layouts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from studio_engine.checkpoint.header import TensorEntry
from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError
from studio_engine.models.parts import PartRef
from studio_engine.models.store import ModelStore
from studio_engine.models.vision.encoder import open_vision, prepared
from studio_engine.models.vision.layout import VisionConfig, vision_blueprint
from studio_engine.runtime.plan import plain_plan
from tests.models.adapters.conftest import Write, noise
from tests.models.tiny_checkpoint import randomised

TINY = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "projection_dim": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
    "hidden_act": "gelu",
}
IMAGES = noise(2, 40, 60, 3).sigmoid()
HEADS = {"studio.vision_heads": "2"}


def vision(settings: dict[str, Any] = TINY) -> nn.Module:
    with torch.device("meta"):
        module = CLIPVisionModelWithProjection(CLIPVisionConfig(**settings))
    module.train(False)
    randomised(module, 3)
    embeddings = module.vision_model.embeddings
    embeddings.position_ids = torch.arange(embeddings.num_positions)[None]
    return module


def open_clip_layout(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    names = {
        "vision_model.embeddings.class_embedding": "class_embedding",
        "vision_model.embeddings.patch_embedding.weight": "conv1.weight",
        "vision_model.embeddings.position_embedding.weight": "positional_embedding",
        "vision_model.pre_layrnorm.weight": "ln_pre.weight",
        "vision_model.pre_layrnorm.bias": "ln_pre.bias",
        "vision_model.post_layernorm.weight": "ln_post.weight",
        "vision_model.post_layernorm.bias": "ln_post.bias",
    }
    stored = {theirs: state[ours] for ours, theirs in names.items()}
    stored["proj"] = state["visual_projection.weight"].t()
    layers = 1 + max(int(name.split(".")[3]) for name in state if ".layers." in name)
    for layer in range(layers):
        ours, theirs = f"vision_model.encoder.layers.{layer}.", f"transformer.resblocks.{layer}."
        for kind in ("weight", "bias"):
            parts = [state[f"{ours}self_attn.{each}_proj.{kind}"] for each in "qkv"]
            stored[f"{theirs}attn.in_proj_{kind}"] = torch.cat(parts)
            stored[f"{theirs}attn.out_proj.{kind}"] = state[f"{ours}self_attn.out_proj.{kind}"]
            for one, other in (
                ("layer_norm1", "ln_1"),
                ("layer_norm2", "ln_2"),
                ("mlp.fc1", "mlp.c_fc"),
                ("mlp.fc2", "mlp.c_proj"),
            ):
                stored[f"{theirs}{other}.{kind}"] = state[f"{ours}{one}.{kind}"]
    return {prefix + name: value for name, value in stored.items()}


@pytest.mark.parametrize("layout", ["transformers", "OpenCLIP", "OpenCLIP, bare"])
def test_an_encoder_says_what_transformers_says(store: ModelStore, write: Write, layout: str) -> None:
    module = vision()
    state = dict(module.state_dict())
    if layout != "transformers":
        state = open_clip_layout(state, "visual." if layout == "OpenCLIP" else "")
    found = open_vision(store, write(state, HEADS)).encode(IMAGES)
    with torch.no_grad():
        wanted = module(pixel_values=prepared(IMAGES, 28, crops=True), output_hidden_states=True)
    torch.testing.assert_close(found.image_embeds, wanted.image_embeds, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.penultimate_hidden_states, wanted.hidden_states[-2], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.last_hidden_state, wanted.last_hidden_state, rtol=1e-4, atol=1e-4)


def test_pictures_are_prepared_as_clip_was_trained() -> None:
    pixels = (noise(40, 60, 3).sigmoid() * 255).round().to(torch.uint8)
    wanted = CLIPImageProcessor()(Image.fromarray(np.asarray(pixels)), return_tensors="pt").pixel_values
    found = prepared(pixels.float()[None] / 255.0, 224, crops=True)
    # Pillow's and torch's bicubic filters differ by a few 8-bit steps
    assert (found - wanted).abs().mean() < 0.02


def test_without_crop_the_whole_picture_is_squeezed() -> None:
    image = torch.zeros(1, 20, 60, 3)
    image[:, :, :10] = 1.0
    cropped, whole = (prepared(image, 28, crops=crops) for crops in (True, False))
    assert cropped.shape == whole.shape == (1, 3, 28, 28)
    assert bool((cropped[0, 0, :, 0] < 0).all())
    assert bool((whole[0, 0, :, 0] > 0).all())


def test_transparency_is_passed_over() -> None:
    image = torch.cat([IMAGES, torch.zeros(2, 40, 60, 1)], dim=-1)
    assert torch.equal(prepared(image, 28, crops=True), prepared(IMAGES, 28, crops=True))


PUBLISHED = {
    "ViT-L": ({"hidden_size": 1024, "intermediate_size": 4096, "projection_dim": 768, "num_hidden_layers": 24}, True),
    "ViT-H": ({"hidden_size": 1280, "intermediate_size": 5120, "projection_dim": 1024, "num_hidden_layers": 32}, False),
    "ViT-bigG": (
        {"hidden_size": 1664, "intermediate_size": 8192, "projection_dim": 1280, "num_hidden_layers": 48},
        False,
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("is_open_clip", [False, True])
def test_published_encoders_are_recognised(name: str, is_open_clip: bool) -> None:
    sizes, is_quick = PUBLISHED[name]
    with torch.device("meta"):
        module = CLIPVisionModelWithProjection(CLIPVisionConfig(**sizes, num_attention_heads=16, patch_size=14))
        state = dict(module.state_dict())
        if is_open_clip:
            state = open_clip_layout(state, "visual.")
    entries = {key: TensorEntry("F16", tuple(value.shape), 0, 0) for key, value in state.items()}
    header = SafetensorsHeader(Path("v"), 0, 0, {}, entries)
    blueprint = vision_blueprint(PartRef((), "clip_vision", ""), [header], plain_plan())
    assert {blueprint.source(key).key for key in blueprint.empty().state_dict()} == set(state)
    assert blueprint.config == VisionConfig(
        width=sizes["hidden_size"],
        inner_width=sizes["intermediate_size"],
        layers=sizes["num_hidden_layers"],
        heads=16,
        patch=14,
        side=224,
        projection=sizes["projection_dim"],
        is_quick=is_quick,
    )


def siglip() -> nn.Module:
    sizes = {key: value for key, value in TINY.items() if key not in ("projection_dim", "hidden_act")}
    with torch.device("meta"):
        module = SiglipVisionModel(SiglipVisionConfig(**sizes))
    module.train(False)
    randomised(module, 4)
    module.embeddings.position_ids = torch.arange(4)[None]
    return module


def test_siglip_says_what_transformers_says(store: ModelStore, write: Write) -> None:
    module = siglip()
    found = open_vision(
        store, write({f"vision_model.{key}": value for key, value in module.state_dict().items()}, HEADS)
    )
    with torch.no_grad():
        pixels = prepared(IMAGES, 28, crops=True, is_siglip=True)
        wanted = module(pixel_values=pixels, output_hidden_states=True)
    said = found.encode(IMAGES)
    torch.testing.assert_close(said.last_hidden_state, wanted.last_hidden_state, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(said.image_embeds, wanted.last_hidden_state, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(said.penultimate_hidden_states, wanted.hidden_states[-2], rtol=1e-4, atol=1e-4)


def test_siglips_pictures_range_from_minus_one_to_one() -> None:
    pixels = prepared(torch.cat([torch.zeros(1, 28, 28, 3), torch.ones(1, 28, 28, 3)]), 28, crops=True, is_siglip=True)
    assert (float(pixels[0].max()), float(pixels[1].min())) == (-1.0, 1.0)


def test_other_files_are_named(store: ModelStore, write: Write) -> None:
    with pytest.raises(EngineError, match="holds no picture encoder") as caught:
        open_vision(store, write({"lora_down.weight": torch.ones(2, 2)}))
    assert caught.value.code == "model.family_unknown"

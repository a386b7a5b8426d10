"""Adapters on models: whatever the names, in any order, without touching the base."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from studio_engine.errors import EngineError
from studio_engine.graph.sockets import Model, TextEncoder
from studio_engine.models.adapters.lora import adapted_model, adapted_text
from studio_engine.models.parts import PartRef
from studio_engine.models.store import ModelStore
from tests.models.adapters.conftest import Write, noise

TO_K = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
TO_OUT = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0"
CONV = "down_blocks.0.resnets.0.conv1"
TEXT = "encoder.layers.1.self_attn.q_proj"
RANK = 4


def network(store: ModelStore, model: Model) -> nn.Module:
    return store.part(model.network.ref).module  # type: ignore[attr-defined]


def text(store: ModelStore, clip: TextEncoder) -> nn.Module:
    return store.part(clip.refs[0]).module  # type: ignore[attr-defined]


def weight_of(module: nn.Module, name: str) -> Tensor:
    found = [parameter for each, parameter in module.named_parameters() if each.removeprefix("text_model.") == name]
    return found[0].detach()


def factors(weight: Tensor) -> tuple[Tensor, Tensor]:
    tail = (1, 1) if weight.ndim == 4 else ()
    return noise(weight.shape[0], RANK, *tail), noise(RANK, *weight.shape[1:], seed=5)


def flat(name: str) -> str:
    return name.replace(".", "_")


LDM = "input_blocks.1.1.transformer_blocks.0.attn2.to_k"


@pytest.mark.parametrize(
    ("up", "down"),
    [
        (f"lora_unet_{flat(TO_K)}.lora_up.weight", f"lora_unet_{flat(TO_K)}.lora_down.weight"),
        (f"lora_unet_{flat(LDM)}.lora_up.weight", f"lora_unet_{flat(LDM)}.lora_down.weight"),
        (f"lycoris_{flat(TO_K)}.lora_up.weight", f"lycoris_{flat(TO_K)}.lora_down.weight"),
        (f"unet.{TO_K}.lora_B.weight", f"unet.{TO_K}.lora_A.weight"),
        (f"unet.{TO_K}.lora_B.default.weight", f"unet.{TO_K}.lora_A.default.weight"),
        (f"{TO_K}.lora_B", f"{TO_K}.lora_A"),
        (f"base_model.model.{TO_K}.lora_B.weight", f"base_model.model.{TO_K}.lora_A.weight"),
        (f"unet.base_model.model.{TO_K}.lora_B.weight", f"unet.base_model.model.{TO_K}.lora_A.weight"),
        (f"diffusion_model.{LDM}.lora_B.weight", f"diffusion_model.{LDM}.lora_A.weight"),
        (f"unet.{TO_K}.lora.up.weight", f"unet.{TO_K}.lora.down.weight"),
        (f"unet.{TO_K}.lora_linear_layer.up.weight", f"unet.{TO_K}.lora_linear_layer.down.weight"),
        (
            f"unet.{TO_K.replace('attn2.', 'attn2.processor.')}_lora.up.weight",
            f"unet.{TO_K.replace('attn2.', 'attn2.processor.')}_lora.down.weight",
        ),
    ],
)
def test_every_spelling_of_a_networks_weight_is_found(
    store: ModelStore, model: Model, write: Write, up: str, down: str
) -> None:
    before = weight_of(network(store, model), f"{TO_K}.weight")
    left, right = factors(before)
    changed = network(store, adapted_model(model, write({up: left, down: right}), 0.7))
    torch.testing.assert_close(weight_of(changed, f"{TO_K}.weight"), before + 0.7 * left @ right)


@pytest.mark.parametrize("stem", ["lora_te_text_model_", "lora_te1_text_model_", "lora_te1_"])
def test_kohyas_names_of_the_text_encoder_are_found(
    store: ModelStore, clip: TextEncoder, write: Write, stem: str
) -> None:
    before = weight_of(text(store, clip), f"{TEXT}.weight")
    left, right = factors(before)
    name = stem + flat(TEXT)
    file = write({f"{name}.lora_up.weight": left, f"{name}.lora_down.weight": right})
    changed = text(store, adapted_text(clip, file, 0.7))
    torch.testing.assert_close(weight_of(changed, f"{TEXT}.weight"), before + 0.7 * left @ right)


@pytest.mark.parametrize("stem", ["text_encoder.text_model.", "text_encoders.clip_l.transformer.text_model."])
def test_diffusers_and_plain_names_of_the_text_encoder_are_found(
    store: ModelStore, clip: TextEncoder, write: Write, stem: str
) -> None:
    before = weight_of(text(store, clip), f"{TEXT}.weight")
    left, right = factors(before)
    file = write({f"{stem}{TEXT}.lora_B.weight": left, f"{stem}{TEXT}.lora_A.weight": right})
    changed = text(store, adapted_text(clip, file, 1.0))
    torch.testing.assert_close(weight_of(changed, f"{TEXT}.weight"), before + left @ right)


def test_convolutions_and_outputs_are_changed_too(store: ModelStore, model: Model, write: Write) -> None:
    base = network(store, model)
    tensors: dict[str, Tensor] = {}
    for name in (CONV, TO_OUT):
        left, right = factors(weight_of(base, f"{name}.weight"))
        tensors |= {f"lora_unet_{flat(name)}.lora_up.weight": left, f"lora_unet_{flat(name)}.lora_down.weight": right}
        tensors[f"lora_unet_{flat(name)}.alpha"] = torch.tensor(2.0)
    changed = network(store, adapted_model(model, write(tensors), 1.0))
    for name in (CONV, TO_OUT):
        before = weight_of(base, f"{name}.weight")
        left, right = factors(before)
        expected = before + 2.0 / RANK * (left.flatten(1) @ right.flatten(1)).reshape(before.shape)
        torch.testing.assert_close(weight_of(changed, f"{name}.weight"), expected)


def test_biases_norms_and_whole_weights_are_changed(store: ModelStore, model: Model, write: Write) -> None:
    norm = "down_blocks.0.resnets.0.norm1"
    stem = f"lora_unet_{flat(norm)}"
    file = write(
        {
            f"{stem}.w_norm": noise(16),
            f"{stem}.b_norm": noise(16, seed=1),
            f"diffusion_model.{LDM.replace('attn2.to_k', 'norm1')}.set_weight": noise(16, seed=2),
        }
    )
    base, changed = network(store, model), network(store, adapted_model(model, file, 0.5))
    torch.testing.assert_close(
        weight_of(changed, f"{norm}.weight"), weight_of(base, f"{norm}.weight") + 0.5 * noise(16)
    )
    torch.testing.assert_close(
        weight_of(changed, f"{norm}.bias"), weight_of(base, f"{norm}.bias") + 0.5 * noise(16, seed=1)
    )
    torch.testing.assert_close(weight_of(changed, f"{TO_K.replace('attn2.to_k', 'norm1')}.weight"), noise(16, seed=2))


@pytest.mark.parametrize(
    "endings",
    [
        {".hada_w1_a": (16, 2), ".hada_w1_b": (2, 32), ".hada_w2_a": (16, 2), ".hada_w2_b": (2, 32)},
        {".lokr_w1": (4, 4), ".lokr_w2": (4, 8)},
        {".lokr_w1_a": (4, 2), ".lokr_w1_b": (2, 4), ".lokr_w2_a": (4, 2), ".lokr_w2_b": (2, 8)},
        {".lora_up.weight": (16, 2), ".lora_down.weight": (2, 32), ".dora_scale": (1, 32)},
        {".a1.weight": (32, 2), ".a2.weight": (2, 32), ".b1.weight": (16, 2), ".b2.weight": (2, 32)},
        {".oft_blocks": (4, 4, 4)},
        {".oft_blocks": (2, 4, 4, 4), ".rescale": (16, 1)},
        {".diff": (16, 32)},
    ],
    ids=lambda endings: "+".join(endings),
)
def test_every_kind_of_file_changes_the_weight(
    store: ModelStore, model: Model, write: Write, endings: dict[str, tuple[int, ...]]
) -> None:
    stem = f"lora_unet_{flat(TO_K)}"
    file = write({stem + ending: noise(*shape, seed=i).abs() for i, (ending, shape) in enumerate(endings.items())})
    changed = network(store, adapted_model(model, file, 1.0))
    before = weight_of(network(store, model), f"{TO_K}.weight")
    assert (weight_of(changed, f"{TO_K}.weight") - before).abs().max() > 0.01


def test_a_changed_strength_makes_new_only_what_the_adapter_changes(
    store: ModelStore, model: Model, write: Write
) -> None:
    left, right = factors(weight_of(network(store, model), f"{TO_K}.weight"))
    file = write({f"unet.{TO_K}.lora_B.weight": left, f"unet.{TO_K}.lora_A.weight": right})
    base = dict(network(store, model).named_parameters())
    for strength in (0.3, 0.9):
        changed = dict(network(store, adapted_model(model, file, strength)).named_parameters())
        assert [name for name in base if changed[name] is not base[name]] == [f"{TO_K}.weight"]
    assert dict(network(store, model).named_parameters())[f"{TO_K}.weight"] is base[f"{TO_K}.weight"]


def test_adapters_follow_one_another(store: ModelStore, model: Model, write: Write) -> None:
    before = weight_of(network(store, model), f"{TO_K}.weight")
    left, right = factors(before)
    stem = f"lora_unet_{flat(TO_K)}"
    added = write({f"{stem}.lora_up.weight": left, f"{stem}.lora_down.weight": right}, name="added")
    replaced = write({f"{stem}.set_weight": noise(16, 32, seed=3)}, name="replaced")
    last = network(store, adapted_model(adapted_model(model, replaced, 1.0), added, 0.5))
    torch.testing.assert_close(weight_of(last, f"{TO_K}.weight"), noise(16, 32, seed=3) + 0.5 * left @ right)


def test_equal_files_at_equal_strength_share_a_forward(model: Model, write: Write) -> None:
    tensors = {f"unet.{TO_K}.lora_B.weight": noise(16, 4), f"unet.{TO_K}.lora_A.weight": noise(4, 32)}
    one, other = write(tensors, name="one"), write(tensors, name="other")
    key = adapted_model(model, one, 1.0).network.batch_key
    assert key == adapted_model(model, other, 1.0).network.batch_key
    assert key != adapted_model(model, one, 0.5).network.batch_key
    assert key != model.network.batch_key


def test_no_strength_leaves_the_model_itself(model: Model, clip: TextEncoder, write: Write) -> None:
    file = write({f"unet.{TO_K}.lora_B.weight": noise(16, 4), f"unet.{TO_K}.lora_A.weight": noise(4, 32)})
    assert adapted_model(model, file, 0.0) is model
    assert adapted_text(clip, file, 1.0) is clip


@pytest.mark.parametrize("strength", [math.nan, math.inf, -math.inf])
def test_a_strength_that_is_no_number_is_refused(model: Model, write: Write, strength: float) -> None:
    file = write({f"unet.{TO_K}.lora_B.weight": noise(16, 4), f"unet.{TO_K}.lora_A.weight": noise(4, 32)})
    with pytest.raises(EngineError, match=r"The strength of l.*is not a number"):
        adapted_model(model, file, strength)


def test_invalid_numbers_in_the_file_are_refused(store: ModelStore, model: Model, write: Write) -> None:
    broken = torch.full((16, 4), math.nan)
    file = write({f"unet.{TO_K}.lora_B.weight": broken, f"unet.{TO_K}.lora_A.weight": noise(4, 32)})
    with pytest.raises(EngineError, match="invalid numbers") as caught:
        network(store, adapted_model(model, file, 1.0))
    assert caught.value.code == "model.file_corrupt"


def test_half_a_pair_is_refused(store: ModelStore, model: Model, write: Write) -> None:
    file = write({f"unet.{TO_K}.lora_A.weight": noise(4, 32)})
    with pytest.raises(EngineError, match="lacks its counterpart up") as caught:
        network(store, adapted_model(model, file, 1.0))
    assert caught.value.code == "model.file_corrupt"


@pytest.mark.parametrize("name", ["nowhere", TO_OUT])
def test_an_adapter_that_fits_nowhere_is_refused(store: ModelStore, model: Model, write: Write, name: str) -> None:
    file = write({f"unet.{name}.lora_B.weight": noise(16, 4), f"unet.{name}.lora_A.weight": noise(4, 31)})
    with pytest.raises(EngineError, match="made for another model") as caught:
        network(store, adapted_model(model, file, 1.0))
    assert caught.value.code == "model.family_unknown"


def test_what_does_not_fit_is_passed_over_where_most_does(store: ModelStore, model: Model, write: Write) -> None:
    before = weight_of(network(store, model), f"{TO_K}.weight")
    left, right = factors(before)
    file = write(
        {
            f"unet.{TO_K}.lora_B.weight": left,
            f"unet.{TO_K}.lora_A.weight": right,
            "unet.conv_in.diff": noise(16, 9, 3, 3),
        }
    )
    changed = network(store, adapted_model(model, file, 1.0))
    torch.testing.assert_close(weight_of(changed, f"{TO_K}.weight"), before + left @ right)


@pytest.mark.parametrize(
    ("keys", "label"),
    [
        (
            {"lora_unet_a_attn2_to_k.lora_down.weight": (4, 2048), "lora_unet_a_attn2_to_k.lora_up.weight": (8, 4)},
            "SDXL",
        ),
        ({"lora_unet_a_attn2_to_v.hada_w1_b": (4, 1024), "lora_unet_a_attn2_to_v.hada_w1_a": (8, 4)}, "SD 2"),
        ({"lora_unet_a_attn2_to_v.lokr_w1": (4, 8), "lora_unet_a_attn2_to_v.lokr_w2": (4, 256)}, "SDXL"),
        ({"unet.a.attn2.processor.to_k_lora.down.weight": (4, 1280)}, "the SDXL refiner"),
        ({"lora_te2_x.lora_down.weight": (4, 8)}, "SDXL"),
        ({"lora_unet_joint_blocks_0_x.lora_down.weight": (4, 8)}, "SD 3"),
        ({"lora_unet_double_blocks_0_x.lora_down.weight": (4, 8)}, "Flux"),
        ({"transformer.single_transformer_blocks.0.x.lora_A.weight": (4, 8)}, "Flux"),
        ({"transformer.transformer_blocks.0.attn.add_q_proj.lora_A.weight": (4, 8)}, "SD 3"),
        ({"transformer.transformer_blocks.0.attn.add_q_proj.lora_A.weight": (4, 3072)}, "Flux"),
        (
            {
                "transformer.transformer_blocks.0.attn2.to_k.lora_A.weight": (4, 1536),
                "te2.lora_B.weight": (4, 8),
                "x.attn.add_k_proj.lora_A.weight": (4, 1536),
            },
            "SD 3",
        ),
        ({"diffusion_model.blocks.0.cross_attn.k.lora_A.weight": (4, 8)}, "Wan"),
    ],
)
def test_an_adapter_for_another_family_names_both(
    model: Model, write: Write, keys: dict[str, tuple[int, ...]], label: str
) -> None:
    file = write({key: torch.ones(shape) for key, shape in keys.items()})
    with pytest.raises(EngineError, match=f"made for {label}; the loaded model is SD 1.5") as caught:
        adapted_model(model, file, 1.0)
    assert caught.value.code == "model.family_unknown"


@pytest.mark.parametrize(
    "metadata",
    [{"ss_base_model_version": "sdxl_base_v1-0"}, {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}],
)
def test_where_names_do_not_tell_the_trainers_word_counts(model: Model, write: Write, metadata: dict[str, str]) -> None:
    file = write({"lora_unet_x.lora_down.weight": noise(4, 8)}, metadata)
    with pytest.raises(EngineError, match="made for SDXL"):
        adapted_model(model, file, 1.0)


def test_names_count_more_than_the_trainers_word(model: Model, write: Write) -> None:
    tensors = {f"{TO_K}.lora_A.weight": noise(4, 768), f"{TO_K}.lora_B.weight": noise(16, 4)}
    assert adapted_model(model, write(tensors, {"ss_base_model_version": "sdxl_base_v1-0"}), 1.0) is not model


def test_another_kind_of_file_is_refused(model: Model, write: Write) -> None:
    with pytest.raises(EngineError, match="not a LoRA"):
        adapted_model(model, write({"conv.weight": noise(2, 2)}), 1.0)


@pytest.mark.parametrize(
    "tensors",
    [
        {"img_in.lora_A.weight": (4, 128), "img_in.lora_B.weight": (8, 4)},
        {"diffusion_model.x.lora_A.weight": (4, 8), "diffusion_model.x.reshape_weight": (2,)},
    ],
)
def test_an_adapter_that_enlarges_the_input_is_refused(
    model: Model, write: Write, tensors: dict[str, tuple[int, ...]]
) -> None:
    file = write({key: torch.ones(shape) for key, shape in tensors.items()})
    with pytest.raises(EngineError, match="more input channels") as caught:
        adapted_model(model, file, 1.0)
    assert caught.value.code == "model.family_unknown"


@pytest.mark.parametrize(
    ("stem", "part"), [("lora_te1_", "clip_l"), ("lora_te2_", "clip_g"), ("text_encoder_2.", "clip_g")]
)
def test_each_text_encoder_gets_its_own_share(
    store: ModelStore, clip: TextEncoder, write: Write, stem: str, part: str
) -> None:
    ref = clip.refs[0]  # type: ignore[attr-defined]
    both = replace(clip, refs=(ref, PartRef(ref.files, "clip_g", "sdxl")))  # type: ignore[type-var]
    name = (
        f"{stem}text_model.encoder.layers.0.mlp.fc1"
        if stem.endswith(".")
        else f"{stem}text_model_encoder_layers_0_mlp_fc1"
    )
    file = write({f"{name}.lora_up.weight": noise(8, 4), f"{name}.lora_down.weight": noise(4, 8)})
    changed: Any = adapted_text(both, file, 1.0)
    assert [each.part for each in changed.refs if each.patches] == [part]

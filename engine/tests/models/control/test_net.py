"""ControlNets say what diffusers' say, for each layout and kind of file."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from studio_engine.errors import EngineError
from studio_engine.models.control.config import ControlConfig
from studio_engine.models.control.keys import ldm_control_key
from studio_engine.models.control.net import NetworkControl, UnetControlNet, hint_of_size
from studio_engine.models.control.open import open_control_net
from studio_engine.models.store import ModelStore
from studio_engine.sampling.conditioning import ControlInput, ControlUse, NetInput, Residuals
from studio_engine.sampling.model import Latent
from tests.models.control.conftest import TINY, TINY_XL, Write, noise, random_module
from tests.models.tiny_checkpoint import TINY_UNET, tiny_tensors

X, TIME, CONTEXT = noise(2, 4, 8, 8), torch.tensor([500.0, 20.0]), noise(2, 7, 32)
IMAGE = noise(1, 64, 64, 3, seed=4).sigmoid()


def control_net(settings: dict[str, Any] = TINY) -> nn.Module:
    return random_module(lambda: ControlNetModel(**settings))


def opened(store: ModelStore, file: Any) -> UnetControlNet:
    net = open_control_net(store, file)
    assert isinstance(net, UnetControlNet)
    return net


def residuals(net: UnetControlNet, strength: float = 1.0, **inputs: Tensor) -> Residuals:
    control = net.prepare(ControlUse(net, IMAGE, strength), Latent(X))
    control = ControlInput(net, control.hint.expand(2, -1, -1, -1), strength)
    return net.residuals(X, TIME, NetInput(inputs.pop("context", CONTEXT), **inputs), control)


def expected(module: nn.Module, context: Tensor = CONTEXT, **inputs: Any) -> tuple[list[Tensor], Tensor]:
    with torch.no_grad():
        hint = IMAGE.movedim(-1, 1).expand(2, -1, -1, -1)
        down, middle = module(X, TIME, context, hint, return_dict=False, **inputs)
    return list(down), middle


def assert_says(found: Residuals, down: list[Tensor], middle: Tensor) -> None:
    assert found.input == ()
    assert len(found.output) == len(down)
    for one, other in zip(found.output, reversed(down), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.middle[0], middle, rtol=1e-4, atol=1e-4)


def ldm_tensors(module: nn.Module, config: ControlConfig, prefix: str = "") -> dict[str, Tensor]:
    return {prefix + ldm_control_key(name, config): value for name, value in module.state_dict().items()}


TINY_CONFIG = ControlConfig(TINY_UNET, (3, 16, 32, 96, 256))


def test_a_net_in_diffusers_layout_says_what_diffusers_says(store: ModelStore, write: Write) -> None:
    module = control_net()
    assert_says(residuals(opened(store, write(module.state_dict()))), *expected(module))


@pytest.mark.parametrize("prefix", ["", "control_model."])
def test_a_net_in_its_own_codes_layout_says_the_same(store: ModelStore, write: Write, prefix: str) -> None:
    module = control_net()
    file = write(ldm_tensors(module, TINY_CONFIG, prefix))
    assert_says(residuals(opened(store, file)), *expected(module))


def test_an_sdxl_net_reads_the_vector(store: ModelStore, write: Write) -> None:
    module = control_net(TINY_XL)
    context, pooled, sizes = noise(2, 7, 64), noise(2, 16), torch.arange(12.0).reshape(2, 6)
    vector = torch.cat([pooled, module.add_time_proj(sizes.flatten()).reshape(2, -1)], dim=1)
    found = residuals(opened(store, write(module.state_dict())), context=context, vector=vector)
    added = {"text_embeds": pooled, "time_ids": sizes}
    assert_says(found, *expected(module, context, added_cond_kwargs=added))


def test_a_small_net_without_attention_needs_no_text(store: ModelStore, write: Write) -> None:
    settings = {
        "down_block_types": ("DownBlock2D", "DownBlock2D"),
        "mid_block_type": "UNetMidBlock2D",
        "block_out_channels": (16, 32),
        "norm_num_groups": 8,
        "transformer_layers_per_block": (1, 1),
    }
    module = control_net(settings)
    assert_says(residuals(opened(store, write(module.state_dict()))), *expected(module))


def test_strength_scales_what_is_added(store: ModelStore, write: Write) -> None:
    net = opened(store, write(control_net().state_dict()))
    whole, half = residuals(net), residuals(net, 0.5)
    for one, other in zip((*whole.output, *whole.middle), (*half.output, *half.middle), strict=True):
        assert one is not None
        assert other is not None
        torch.testing.assert_close(one * 0.5, other)


@pytest.mark.parametrize("name", ["control_v11e_sd15_shuffle", "control_v11e_sd15_shuffle_fp16"])
def test_a_shuffle_net_adds_each_channels_mean(store: ModelStore, write: Write, name: str) -> None:
    module = control_net()
    down, middle = expected(module)
    mean = [value.mean((2, 3), keepdim=True).expand_as(value) for value in (*down, middle)]
    assert_says(residuals(opened(store, write(module.state_dict(), name))), mean[:-1], mean[-1])


def test_a_net_steers_a_unet_as_in_diffusers(store: ModelStore, write: Write) -> None:
    module = control_net()
    net = opened(store, write(module.state_dict()))
    model = store.checkpoint("tiny.safetensors")[0]
    unet = store.part(model.network.ref).module  # type: ignore[attr-defined]
    assert isinstance(unet, UNet2DConditionModel)
    down, middle = expected(module)
    with torch.no_grad():
        wanted = unet(
            X, TIME, CONTEXT, down_block_additional_residuals=down, mid_block_additional_residual=middle
        ).sample
    hint = net.prepare(ControlUse(net, IMAGE, 1.0), Latent(X)).hint.expand(2, -1, -1, -1)
    inputs = NetInput(CONTEXT, controls=(ControlInput(net, hint, 1.0),))
    found = model.network.predict(X, TIME, inputs, model.hooks, torch.ones(2))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_two_nets_add_up(store: ModelStore, write: Write) -> None:
    model = store.checkpoint("tiny.safetensors")[0]
    one = opened(store, write(random_module(lambda: ControlNetModel(**TINY), 1).state_dict(), "one"))
    other = opened(store, write(random_module(lambda: ControlNetModel(**TINY), 2).state_dict(), "other"))

    def predicted(*controls: tuple[UnetControlNet, float]) -> Tensor:
        uses = [net.prepare(ControlUse(net, IMAGE, strength), Latent(X)) for net, strength in controls]
        rows = tuple(replace(each, hint=each.hint.expand(2, -1, -1, -1)) for each in uses)
        inputs = NetInput(CONTEXT, controls=rows)
        return model.network.predict(X, TIME, inputs, model.hooks, torch.ones(2))

    assert not torch.allclose(predicted((one, 1.0), (other, 1.0)), predicted((one, 1.0)), atol=1e-3)
    torch.testing.assert_close(predicted((one, 1.0), (other, 0.0)), predicted((one, 1.0)))
    torch.testing.assert_close(predicted((one, 0.5), (one, 0.5)), predicted((one, 1.0)), rtol=1e-4, atol=1e-4)


UNION: dict[str, Any] = {
    **TINY_XL,
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 16 + 6 * 256,
    "num_control_type": 6,
    "num_trans_channel": 16,
    "num_trans_head": 2,
    "num_trans_layer": 1,
    "num_proj_channel": 16,
}


def union_residuals(store: ModelStore, write: Write, kind: int | None, module: nn.Module) -> Residuals:
    net = opened(store, write(module.state_dict())).with_kind(kind)
    return residuals(net, context=noise(2, 7, 64), vector=noise(2, 16 + 6 * 256))


def test_a_union_net_is_told_the_kind_of_its_hint(store: ModelStore, write: Write) -> None:
    module = random_module(lambda: ControlNetUnionModel(**UNION))
    told = [union_residuals(store, write, kind, module).middle[0] for kind in (None, 0, 3)]
    assert all(value is not None for value in told)
    assert not torch.allclose(told[0], told[1])  # type: ignore[arg-type]
    assert not torch.allclose(told[1], told[2])  # type: ignore[arg-type]


def test_a_union_net_says_what_diffusers_says_where_its_transformer_reads_the_hint_alone(
    store: ModelStore, write: Write
) -> None:
    # diffusers also lets the transformer attend to the latents, ComfyUI does not: with no keys to tell tokens
    # apart and equal values the two would differ, so attention is switched off
    module = random_module(lambda: ControlNetUnionModel(**UNION))
    nn.init.zeros_(module.transformer_layes[0].attn.out_proj.weight)
    context, pooled, sizes = noise(2, 7, 64), noise(2, 16), torch.arange(12.0).reshape(2, 6)
    vector = torch.cat([pooled, module.add_time_proj(sizes.flatten()).reshape(2, -1)], dim=1)
    flags = torch.zeros(2, 6)
    flags[:, 3] = 1.0
    with torch.no_grad():
        down, middle = module(
            X,
            TIME,
            context,
            [IMAGE.movedim(-1, 1).expand(2, -1, -1, -1)],
            flags,
            [3],
            added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes},
            return_dict=False,
        )
    net = opened(store, write(module.state_dict())).with_kind(3)
    assert_says(residuals(net, context=context, vector=vector), list(down), middle)


def test_a_kind_that_a_union_net_does_not_know_is_refused(store: ModelStore, write: Write) -> None:
    module = random_module(lambda: ControlNetUnionModel(**UNION))
    with pytest.raises(EngineError, match="knows 6 kinds"):
        union_residuals(store, write, 7, module)


def test_a_net_of_differences_is_added_to_the_models_weights(store: ModelStore, write: Write) -> None:
    module = control_net()
    model = store.checkpoint("tiny.safetensors")[0]
    base = {key.removeprefix("model.diffusion_model."): value for key, value in tiny_tensors().items()}
    tensors = {"difference": torch.ones(1)}
    for key, value in ldm_tensors(module, TINY_CONFIG).items():
        tensors[f"control_model.{key}"] = value - base[key] if key in base else value
    net = open_control_net(store, write(tensors), model)
    assert isinstance(net, UnetControlNet)
    assert_says(residuals(net), *expected(module))


def test_a_control_lora_changes_the_model_that_it_steers(store: ModelStore, write: Write) -> None:
    model = store.checkpoint("tiny.safetensors")[0]
    base = {key.removeprefix("model.diffusion_model."): value for key, value in tiny_tensors().items()}
    module = control_net()
    tensors: dict[str, Tensor] = {"lora_controlnet": torch.ones(1)}
    state = dict(module.state_dict())
    for name, value in state.items():
        key = ldm_control_key(name, TINY_CONFIG)
        if key not in base or value.ndim == 1:
            tensors[key] = value
        else:
            up, down = 0.1 * noise(value.shape[0], 2, seed=1), 0.1 * noise(2, value[0].numel(), seed=2)
            tensors |= {f"{key.removesuffix('.weight')}.up": up, f"{key.removesuffix('.weight')}.down": down}
            state[name] = base[key].reshape(value.shape) + (up @ down).reshape(value.shape)
    module.load_state_dict(state)
    net = open_control_net(store, write(tensors))
    assert isinstance(net, NetworkControl)
    assert_says(residuals(net.bound_to(model.network)), *expected(module))


def test_the_hint_is_the_middle_at_the_latents_size() -> None:
    image = torch.zeros(1, 64, 128, 3)
    image[:, :, 32:96] = 1.0
    hint = hint_of_size(image, 32, 32)
    assert hint.shape == (1, 3, 32, 32)
    assert bool((hint == 1.0).all())


def test_the_first_layers_read_a_hint_once_for_all_steps(store: ModelStore, write: Write) -> None:
    module = control_net()
    net = opened(store, write(module.state_dict()))
    guide = net.prepare(ControlUse(net, IMAGE, 1.0), Latent(X)).hint
    with torch.no_grad():
        wanted = module.controlnet_cond_embedding(IMAGE.movedim(-1, 1))
    assert guide.shape == (1, 16, 8, 8)
    torch.testing.assert_close(guide, wanted, rtol=1e-4, atol=1e-4)


def test_transparency_is_no_part_of_a_hint(store: ModelStore, write: Write) -> None:
    net = opened(store, write(control_net().state_dict()))
    image = torch.cat([IMAGE, torch.zeros(1, 64, 64, 1)], dim=-1)
    hint = net.prepare(ControlUse(net, image, 1.0), Latent(X)).hint.expand(2, -1, -1, -1)
    found = net.residuals(X, TIME, NetInput(CONTEXT), ControlInput(net, hint, 1.0))
    assert found.middle[0] is not None
    torch.testing.assert_close(found.middle[0], residuals(net).middle[0])


def test_a_net_for_another_family_names_both(store: ModelStore, write: Write) -> None:
    module = control_net({**TINY, "cross_attention_dim": 2048})
    net = opened(store, write(module.state_dict()))
    with pytest.raises(EngineError, match=r"made for SDXL; the loaded model is SD 1\.5") as caught:
        residuals(net, context=noise(2, 7, 768))
    assert caught.value.code == "model.family_unknown"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("controlnet_x_embedder.weight", "ControlNet for Flux"),
        ("lora_unet_x.lora_down.weight", "is a LoRA"),
        ("ip_adapter.1.to_k_ip.weight", "is an IP-Adapter"),
        ("x.weight", "is no ControlNet"),
    ],
)
def test_other_files_are_named(store: ModelStore, write: Write, key: str, words: str) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        open_control_net(store, write({key: torch.ones(2, 2)}))
    assert caught.value.code == "model.family_unknown"


def test_a_net_that_lacks_weights_is_refused(store: ModelStore, write: Write) -> None:
    tensors = control_net().state_dict()
    del tensors["controlnet_mid_block.weight"]
    with pytest.raises(EngineError, match="lacks the weights controlnet_mid_block"):
        residuals(opened(store, write(tensors)))


def test_only_equal_nets_share_a_forward(store: ModelStore, write: Write) -> None:
    tensors = control_net().state_dict()
    one, other = (opened(store, write(tensors, name, metadata={})) for name in ("one", "other"))
    assert one.batch_key == other.batch_key
    assert one.batch_key != one.with_kind(2).batch_key

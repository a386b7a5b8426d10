"""Adapters of every kind in whole runs, through their nodes."""

from typing import Any

import pytest
import torch
from diffusers.models.adapter import T2IAdapter
from diffusers.models.controlnets.controlnet import ControlNetModel
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.graph.sockets import Conditioning, Latent, Model
from studio_engine.models.adapters.image_prompt.modules import empty_image_prompt
from studio_engine.models.control.keys import ldm_control_key
from studio_engine.models.inventory import Inventory
from studio_engine.models.store import ModelStore
from studio_engine.nodes.controlnet import ControlNetApply, ControlNetApplyAdvanced, ControlNetLoader
from studio_engine.nodes.ip_adapter import CLIPVisionLoader, IPAdapterApply, IPAdapterLoader
from studio_engine.nodes.loaders_adapters import LoraLoaderModelOnly
from studio_engine.nodes.sampling import KSampler
from studio_engine.runtime.plan import plain_plan
from studio_engine.sampling.conditioning import Cond
from tests.models.adapters.test_image_prompt import PLAIN
from tests.models.adapters.test_vision import HEADS, vision
from tests.models.control.conftest import TINY, Write, noise, random_module
from tests.models.control.test_net import TINY_CONFIG
from tests.models.tiny_checkpoint import randomised

IMAGE = noise(1, 64, 64, 3).sigmoid()
POSITIVE, NEGATIVE = (Cond(noise(1, 7, 32)),), (Cond(noise(1, 7, 32, seed=1)),)


class Context:
    """A NodeContext whose models are in a store."""

    def __init__(self, models: ModelStore) -> None:
        self.models = models

    def check_cancelled(self) -> None: ...

    def progress(self, step: int, steps: int) -> None: ...

    def preview(self, latents: Tensor, model: Model) -> None: ...


@pytest.fixture
def ctx(checkpoint: Any, write: Write) -> Any:
    net = dict(random_module(lambda: ControlNetModel(**TINY)).state_dict())
    low_rank: dict[str, Tensor] = {"lora_controlnet": torch.ones(1)}
    for name, value in net.items():
        key = ldm_control_key(name, TINY_CONFIG)
        if name.startswith("controlnet_"):
            low_rank[key] = value
        elif value.ndim > 1:
            stem = key.removesuffix(".weight")
            low_rank |= {f"{stem}.up": 0.1 * noise(value.shape[0], 2), f"{stem}.down": 0.1 * noise(2, value[0].numel())}
    t2i = T2IAdapter(channels=[16, 16, 32, 32], downscale_factor=8)
    prompt = dict(randomised(empty_image_prompt(PLAIN), 5).state_dict())
    name = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_v"
    lora = {f"{name}.lora_up.weight": noise(32, 2), f"{name}.lora_down.weight": noise(2, 32)}
    files = [
        write(net, "net"),
        write(low_rank, "low_rank"),
        write(dict(t2i.state_dict()), "t2i"),
        write(prompt, "prompt", kind="ip_adapter"),
        write(dict(vision().state_dict()), "vision", kind="clip_vision", metadata=HEADS),
        write(lora, "lora", kind="lora"),
    ]
    return Context(ModelStore(Inventory((checkpoint, *files)), plain_plan(), 1_000_000_000))


def model_of(ctx: Any) -> Model:
    model: Model = ctx.models.checkpoint("tiny.safetensors")[0]
    return model


def drawn(ctx: Any, model: Model, positive: Conditioning = POSITIVE, negative: Conditioning = NEGATIVE) -> Tensor:
    sampler = KSampler(
        model=model,
        seed=7,
        steps=4,
        cfg=3.0,
        sampler_name="euler",
        scheduler="normal",
        positive=positive,
        negative=negative,
        latent_image=Latent(torch.zeros(1, 4, 8, 8)),
        denoise=1.0,
    )
    result: Any = sampler.run(ctx)
    samples: Tensor = result[0].samples
    return samples


def steered(ctx: Any, name: str, strength: float = 1.0, start: float = 0.0, end: float = 1.0) -> Any:
    (net,) = ControlNetLoader(control_net_name=f"{name}.safetensors").run(ctx)
    return ControlNetApplyAdvanced(
        positive=POSITIVE,
        negative=NEGATIVE,
        control_net=net,
        image=IMAGE,
        strength=strength,
        start_percent=start,
        end_percent=end,
    ).run(ctx)


@pytest.mark.parametrize("name", ["net", "low_rank", "t2i"])
def test_a_net_steers_a_run(ctx: Any, name: str) -> None:
    plain = drawn(ctx, model_of(ctx))
    found = drawn(ctx, model_of(ctx), *steered(ctx, name))
    assert bool(found.isfinite().all())
    assert not torch.allclose(found, plain, atol=1e-3)
    assert torch.equal(drawn(ctx, model_of(ctx), *steered(ctx, name, strength=0.0)), plain)


@pytest.mark.parametrize(("start", "end"), [(0.0, 0.4), (0.5, 1.0)])
def test_a_net_steers_in_its_share_of_the_steps(ctx: Any, start: float, end: float) -> None:
    part = drawn(ctx, model_of(ctx), *steered(ctx, "net", start=start, end=end))
    assert not torch.allclose(part, drawn(ctx, model_of(ctx)), atol=1e-3)
    assert not torch.allclose(part, drawn(ctx, model_of(ctx), *steered(ctx, "net")), atol=1e-3)


def test_both_ways_to_apply_steer_the_negative_prompt_too(ctx: Any) -> None:
    (net,) = ControlNetLoader(control_net_name="net.safetensors").run(ctx)
    old = ControlNetApply(conditioning=POSITIVE, control_net=net, image=IMAGE, strength=1.0).run(ctx)
    both = drawn(ctx, model_of(ctx), *steered(ctx, "net"))
    torch.testing.assert_close(drawn(ctx, model_of(ctx), old[0], NEGATIVE), both, rtol=1e-3, atol=1e-3)


def test_a_picture_and_a_lora_change_a_run(ctx: Any) -> None:
    plain = drawn(ctx, model_of(ctx))
    (adapter,) = IPAdapterLoader(ipadapter_name="prompt.safetensors").run(ctx)
    (encoder,) = CLIPVisionLoader(clip_name="vision.safetensors").run(ctx)
    (prompted,) = IPAdapterApply(
        model=model_of(ctx), ipadapter=adapter, clip_vision=encoder, image=IMAGE, weight=1.0, start_at=0.0, end_at=1.0
    ).run(ctx)
    assert not torch.allclose(drawn(ctx, prompted), plain, atol=1e-3)
    (adapted,) = LoraLoaderModelOnly(model=prompted, lora_name="lora.safetensors", strength_model=1.0).run(ctx)
    assert not torch.allclose(drawn(ctx, adapted), drawn(ctx, prompted), atol=1e-3)
    assert torch.equal(drawn(ctx, model_of(ctx)), plain)


def test_a_missing_file_is_named(ctx: Any) -> None:
    with pytest.raises(EngineError, match="no controlnet named x") as caught:
        ControlNetLoader(control_net_name="x.safetensors").run(ctx)
    assert caught.value.code == "model.file_missing"

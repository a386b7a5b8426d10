"""Our walk computes what diffusers' forward computes, and lets hooks and controls in where ComfyUI has them."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from studio_engine.models.families.controls import merged
from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.families.unet.modules import empty_unet
from studio_engine.models.families.unet.walk import UnetInput, input_blocks, output_blocks, walk
from studio_engine.sampling.conditioning import Residuals
from studio_engine.sampling.hooks import HookCall, NetworkHooks, Place
from tests.models.families.tiny_unets import TINY_SDXL, TINY_SSD, TINY_UNETS
from tests.models.tiny_checkpoint import TINY_UNET, randomised

SIGMA = torch.tensor([14.6, 0.1])


def unet_of(config: UnetConfig) -> nn.Module:
    return randomised(empty_unet(config), 0).to(memory_format=torch.channels_last)


def call_of(config: UnetConfig, *, size: tuple[int, int] = (8, 8)) -> UnetInput:
    generator = torch.Generator().manual_seed(1)
    vector = None if config.vector_width is None else torch.randn(2, config.vector_width, generator=generator)
    x = torch.randn(2, config.in_channels, *size, generator=generator)
    context = torch.randn(2, 7, config.context_width, generator=generator)
    return UnetInput(x, torch.tensor([999, 10]), context, vector, SIGMA, tuple(x.shape), (0, 1))


@pytest.fixture(scope="module")
def small() -> tuple[nn.Module, UnetInput, Tensor]:
    unet, call = unet_of(TINY_UNET), call_of(TINY_UNET)
    with torch.no_grad():
        return unet, call, walk(unet, call, NetworkHooks())


@torch.no_grad()
def run(small: tuple[nn.Module, UnetInput, Tensor], **hooks: object) -> Tensor:
    return walk(small[0], small[1], NetworkHooks(**hooks))


@torch.no_grad()
@pytest.mark.parametrize("name", sorted(TINY_UNETS))
@pytest.mark.parametrize("size", [(8, 8), (9, 13)])
def test_the_walk_equals_the_stock_forward(name: str, size: tuple[int, int]) -> None:
    config = TINY_UNETS[name]
    unet, call = unet_of(config), call_of(config, size=size)
    added = {}
    if call.vector is not None:
        sizes = torch.arange(2.0 * ((config.vector_width or 0) // 256)).view(2, -1)
        flat = unet.add_time_proj(sizes.flatten()).reshape(2, -1)
        pooled = call.vector[:, : (config.vector_width or 0) - flat.shape[1]]
        added = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": sizes}}
        call = replace(call, vector=torch.cat([pooled, flat], dim=1))
    stock = unet(call.x, call.timestep, call.context, **added).sample
    torch.testing.assert_close(walk(unet, call, NetworkHooks()), stock, atol=1e-5, rtol=1e-5)


def test_blocks_are_numbered_as_in_single_files() -> None:
    unet = empty_unet(TINY_SDXL)
    blocks = list(input_blocks(unet))
    assert [block.place.block for block in blocks] == list(range(1, 9))
    assert [block.place.block for block in blocks if block.sampler is not None] == [3, 6]
    assert [block.place.block for block in blocks if block.transformer is not None] == [4, 5, 7, 8]
    out = list(output_blocks(unet))
    assert [block.place.block for block in out if block.sampler is not None] == [2, 5]
    assert [block.place.block for block in out if block.transformer is not None] == [0, 1, 2, 3, 4, 5]


def test_hooks_that_change_nothing_change_nothing(small: tuple[nn.Module, UnetInput, Tensor]) -> None:
    hooked = run(
        small,
        input_block=(lambda h, call: h,),
        input_block_after_skip=(lambda h, call: h,),
        middle_block=(lambda h, call: h,),
        output_block=(lambda h, skip, call: (h, skip),),
        attention_input=(("attn1", lambda q, k, v, call: (q, k, v)), ("attn2", lambda q, k, v, call: (q, k, v))),
        attention=(("attn1", None, lambda q, k, v, plain, call: plain),),
        attention_output=(("attn2", lambda out, call: out),),
    )
    assert torch.equal(hooked, small[2])


def test_hooks_see_every_place_in_order(small: tuple[nn.Module, UnetInput, Tensor]) -> None:
    seen: list[tuple[str, int]] = []

    def note(h: Tensor, call: HookCall) -> Tensor:
        seen.append((call.place.side, call.place.block))
        assert torch.equal(call.sigma, SIGMA)
        assert (call.prompt_of_row, call.latent_shape) == ((0, 1), (2, 4, 8, 8))
        return h

    def note_output(h: Tensor, skip: Tensor, call: HookCall) -> tuple[Tensor, Tensor]:
        return note(h, call), skip

    run(small, input_block=(note,), middle_block=(note,), output_block=(note_output,))
    assert seen == [
        *(("input", number) for number in range(12)),
        ("middle", 0),
        *(("output", number) for number in range(12)),
    ]


def test_a_hook_after_the_skip_leaves_the_skip_alone(small: tuple[nn.Module, UnetInput, Tensor]) -> None:
    skips: list[Tensor] = []

    def zero(h: Tensor, call: HookCall) -> Tensor:
        return torch.zeros_like(h) if call.place.block == 0 else h

    def note(h: Tensor, skip: Tensor, call: HookCall) -> tuple[Tensor, Tensor]:
        skips.append(skip)
        return h, skip

    run(small, input_block_after_skip=(zero,), output_block=(note,))
    assert skips[-1].abs().sum() > 0
    run(small, input_block=(zero,), output_block=(note,))
    assert skips[-1].abs().sum() == 0


def test_attention_hooks_see_the_layer_and_its_heads(small: tuple[nn.Module, UnetInput, Tensor]) -> None:
    places: list[Place] = []

    def note(q: Tensor, k: Tensor, v: Tensor, plain: Tensor, call: HookCall) -> Tensor:
        places.append(call.place)
        assert call.heads == 2
        assert q.shape == plain.shape
        assert k.shape[1] == 7
        return plain

    run(small, attention=(("attn2", None, note),))
    assert [place.block for place in places if place.side == "input"] == [1, 2, 4, 5, 7, 8]
    assert [place.block for place in places if place.side == "output"] == list(range(3, 12))
    assert sum(place.side == "middle" for place in places) == 1


def test_a_hook_for_one_layer_runs_in_it_alone(small: tuple[nn.Module, UnetInput, Tensor]) -> None:
    calls: list[Place] = []

    def note(q: Tensor, k: Tensor, v: Tensor, plain: Tensor, call: HookCall) -> Tensor:
        calls.append(call.place)
        return plain * 0

    changed = run(small, attention=(("attn1", Place("output", 5), note),))
    assert calls == [Place("output", 5)]
    assert not torch.equal(changed, small[2])


def test_layers_can_be_skipped() -> None:
    unet, call = unet_of(TINY_SSD), call_of(TINY_SSD)
    with torch.no_grad():
        plain = walk(unet, call, NetworkHooks())
        skipped = walk(unet, call, NetworkHooks(skipped=(Place("output", 2, 4),)))
        elsewhere = walk(unet, call, NetworkHooks(skipped=(Place("output", 2, 5),)))
    assert not torch.equal(skipped, plain)
    assert torch.equal(elsewhere, plain)


@torch.no_grad()
def test_controls_equal_diffusers_residuals() -> None:
    unet, call = unet_of(TINY_UNET), call_of(TINY_UNET)
    shapes: list[torch.Size] = []
    walk(unet, call, NetworkHooks(input_block=(lambda h, _: shapes.append(h.shape) or h,)))
    added = [torch.randn(shape) for shape in shapes]
    middle = torch.randn(2, TINY_UNET.widths[-1], 1, 1)
    stock = unet(
        call.x,
        call.timestep,
        call.context,
        down_block_additional_residuals=tuple(added),
        mid_block_additional_residual=middle,
    ).sample
    residuals = Residuals(middle=(middle,), output=tuple(reversed(added)))
    torch.testing.assert_close(walk(unet, replace(call, residuals=residuals), NetworkHooks()), stock)


@torch.no_grad()
def test_an_input_residual_reaches_block_and_skip(small: tuple[nn.Module, UnetInput, Tensor]) -> None:
    unet, call, _ = small
    shift = torch.ones(1, 1, 1, 1)
    by_hook = run(small, input_block=(lambda h, at: h + 1 if at.place.block == 2 else h,))
    by_control = walk(unet, replace(call, residuals=Residuals(input=(None, None, shift))), NetworkHooks())
    torch.testing.assert_close(by_control, by_hook)


def test_residuals_of_several_controls_are_summed() -> None:
    one, two = torch.ones(1), torch.full((1,), 2.0)
    total = merged([Residuals(input=(one, None), middle=(one,)), Residuals(input=(two,), output=(None, two))])
    assert total.input == (torch.tensor([3.0]), None)
    assert (total.middle, total.output) == ((one,), (None, two))

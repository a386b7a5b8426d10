"""Our walks over the blocks compute what diffusers' forwards compute, and change it where a graph asks for that."""

from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor, nn

from studio_engine.errors import EngineError
from studio_engine.models.families.dit.config import read_flux_config, read_sd3_config
from studio_engine.models.families.dit.modules import empty_flux, empty_sd3
from studio_engine.models.families.dit.network import Walk
from studio_engine.models.families.dit.stream import DitInput, padded
from studio_engine.models.families.dit.walk_flux import patches_of, reference_places, walk_flux
from studio_engine.models.families.dit.walk_sd3 import walk_sd3
from studio_engine.models.keys import PartKeys
from studio_engine.sampling.conditioning import Residuals
from studio_engine.sampling.hooks import HookCall, NetworkHooks, Place
from tests.models.dit import published
from tests.models.dit.tiny_dit import DEV, FILL, SCHNELL, SD3, SD35, tiny
from tests.models.text.published import header_of

NONE = NetworkHooks()


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def inputs(channels: int = 4, height: int = 8, width: int = 12, **changes: object) -> DitInput:
    x = noise(2, channels, height, width)
    call = DitInput(
        x=x,
        timestep=torch.tensor([800.0, 120.0]),
        context=noise(2, 7, 24, seed=2),
        vector=noise(2, 20, seed=3),
        sigma=torch.tensor([0.8, 0.12]),
        latent_shape=tuple(x.shape),
        guidance=torch.tensor([3500.0, 1000.0]),
    )
    return replace(call, **changes)  # type: ignore[arg-type]


def flux_forward(net: nn.Module, call: DitInput, **rest: object) -> Tensor:
    rows, columns = call.x.shape[-2] // 2, call.x.shape[-1] // 2
    grid = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
    ids = torch.cat([torch.zeros(len(grid), 1), grid], dim=1)
    output = net(
        hidden_states=patches_of(call.x),
        encoder_hidden_states=call.context,
        pooled_projections=call.vector,
        timestep=call.timestep / 1000,
        guidance=None if call.guidance is None else call.guidance / 1000,
        img_ids=ids,
        txt_ids=torch.zeros(call.context.shape[1], 3),
        **rest,
    ).sample
    cut = output.reshape(2, rows, columns, -1, 2, 2)
    return torch.einsum("nhwcpq->nchpwq", cut).reshape(2, -1, 2 * rows, 2 * columns)


def sd3_forward(net: nn.Module, call: DitInput, **rest: object) -> Tensor:
    return net(call.x, call.context, call.vector, call.timestep, **rest).sample


@pytest.mark.parametrize("config", [SD3, SD35])
def test_sd3_answers_as_diffusers_does(config: object) -> None:
    net = tiny(config)  # type: ignore[arg-type]
    torch.testing.assert_close(walk_sd3(net, inputs(), NONE), sd3_forward(net, inputs()), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("config", "channels"), [(DEV, 4), (SCHNELL, 4), (FILL, 72)])
def test_flux_answers_as_diffusers_does(config: object, channels: int) -> None:
    net = tiny(config)  # type: ignore[arg-type]
    call = inputs(channels) if config is not SCHNELL else inputs(guidance=None)
    torch.testing.assert_close(walk_flux(net, call, NONE), flux_forward(net, call), atol=1e-4, rtol=1e-4)


def test_sd3s_controls_are_added_after_their_blocks() -> None:
    net = tiny(SD35)
    shares = [noise(2, 24, 32, seed=seed) for seed in (5, 6)]
    call = inputs(residuals=Residuals(output=(shares[0], None)))
    assert not torch.allclose(walk_sd3(net, call, NONE), walk_sd3(net, inputs(), NONE), atol=1e-3)
    call = inputs(residuals=Residuals(output=tuple(shares)))
    # Diffusers spreads two shares over three blocks: the first twice. Nothing is added after the last one.
    expected = sd3_forward(net, inputs(), block_controlnet_hidden_states=[shares[0], shares[1], shares[1]])
    torch.testing.assert_close(walk_sd3(net, call, NONE), expected, atol=1e-4, rtol=1e-4)


def test_fluxs_controls_are_added_after_double_and_single_blocks() -> None:
    net = tiny(DEV)
    double = [noise(2, 24, 64, seed=seed) for seed in (5, 6)]
    single = [noise(2, 24, 64, seed=seed) for seed in (7, 8, 9)]
    call = inputs(residuals=Residuals(input=tuple(double), output=tuple(single)))
    expected = flux_forward(net, inputs(), controlnet_block_samples=double, controlnet_single_block_samples=single)
    torch.testing.assert_close(walk_flux(net, call, NONE), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("config", "walk"), [(SD3, walk_sd3), (DEV, walk_flux)])
def test_another_familys_controls_are_refused(config: object, walk: Walk) -> None:
    call = inputs(residuals=Residuals(output=(noise(2, 32, 4, 6),)))
    with pytest.raises(EngineError, match="another family"):
        walk(tiny(config), call, NONE)  # type: ignore[arg-type]


def test_skipped_layers_are_passed_over() -> None:
    net = tiny(SD35)
    hooks = NetworkHooks(skipped=(Place("double", 1),))
    expected = sd3_forward(net, inputs(), skip_layers=[1])
    torch.testing.assert_close(walk_sd3(net, inputs(), hooks), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("place", [Place("double", 1), Place("single", 2)])
def test_flux_skips_blocks_of_both_kinds(place: Place) -> None:
    net, without = tiny(DEV), tiny(DEV)
    blocks = without.transformer_blocks if place.side == "double" else without.single_transformer_blocks
    del blocks[place.block]
    skipped = walk_flux(net, inputs(), NetworkHooks(skipped=(place,)))
    torch.testing.assert_close(skipped, walk_flux(without, inputs(), NONE), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("height", [7, 8])
def test_odd_sides_are_filled_from_the_other_edge(height: int) -> None:
    call = inputs(height=height, width=11)
    for net, walk in ((tiny(SD35), walk_sd3), (tiny(DEV), walk_flux)):
        whole = walk(net, replace(call, x=padded(call.x)), NONE)
        answer = walk(net, call, NONE)
        assert answer.shape == call.x.shape
        torch.testing.assert_close(answer, whole[..., :height, :11])


def test_padding_wraps_around() -> None:
    picture = torch.arange(3.0).expand(1, 1, 3, 3)
    assert padded(picture)[0, 0].tolist() == [[0, 1, 2, 0]] * 4
    rows = picture.transpose(-1, -2)
    assert padded(rows)[0, 0, :, 0].tolist() == [0, 1, 2, 0]


def test_attention_hooks_see_words_and_cells_and_may_answer() -> None:
    seen: list[tuple[HookCall, tuple[int, ...]]] = []

    def zero(q: Tensor, k: Tensor, v: Tensor, plain: Tensor, call: HookCall) -> Tensor:
        seen.append((call, tuple(q.shape)))
        assert q.shape == k.shape == v.shape == plain.shape
        return plain * 0

    place = Place("single", 1)
    hooked = walk_flux(tiny(DEV), inputs(prompt_of_row=(0, 1)), NetworkHooks(attention=(("attn1", place, zero),)))
    assert [(call.place, call.heads, shape) for call, shape in seen] == [(place, 2, (2, 7 + 24, 64))]
    assert seen[0][0].prompt_of_row == (0, 1)
    assert not torch.allclose(hooked, walk_flux(tiny(DEV), inputs(), NONE))
    seen.clear()
    walk_sd3(tiny(SD35), inputs(), NetworkHooks(attention=(("attn1", None, zero), ("attn2", None, zero))))
    # Three joint layers and two that attend to the picture alone.
    assert len(seen) == 5


def test_sd3_refuses_pictures_beyond_its_table() -> None:
    with pytest.raises(EngineError, match="128×128"):
        walk_sd3(tiny(SD3), inputs(height=20), NONE)


def test_a_reference_changes_the_answer_and_not_its_size() -> None:
    net = tiny(DEV)
    plain = walk_flux(net, inputs(), NONE)
    references = (noise(2, 4, 6, 6, seed=8),)
    answers = [walk_flux(net, inputs(references=references, reference_method=way), NONE) for way in ("offset", "uxo")]
    assert all(answer.shape == plain.shape for answer in answers)
    assert not torch.allclose(answers[0], plain)
    assert not torch.allclose(answers[0], answers[1])


@pytest.mark.parametrize(
    ("method", "places"),
    [
        # The second lies beside the first, to be less high; the third, which is wide, below both.
        ("offset", [(1, 0, 0), (1, 0, 4), (1, 10, 0)]),
        ("index", [(1, 0, 0), (2, 0, 0), (3, 0, 0)]),
        ("uxo", [(0, 8, 12), (0, 18, 16), (0, 24, 20)]),
    ],
)
def test_references_lie_where_comfyui_puts_them(method: str, places: list[tuple[int, int, int]]) -> None:
    references = (noise(1, 4, 10, 4), noise(1, 4, 6, 4), noise(1, 4, 4, 14))
    call = inputs(references=references, reference_method=method)
    assert list(reference_places(call)) == places


def test_guidance_counts_where_the_model_has_it() -> None:
    net = tiny(DEV)
    assert not torch.allclose(walk_flux(net, inputs(), NONE), walk_flux(net, inputs(guidance=None), NONE))


@pytest.mark.parametrize(("shape", "channels"), [(published.DEV, 16), (published.FILL, 96)])
def test_flux_draws_1024_pixels_at_full_size(shape: published.FluxShape, channels: int) -> None:
    keys = PartKeys(header_of(dict(published.flux(shape))))
    call = on_meta(inputs(channels, 128, 128, context=noise(2, 256, 4096), vector=noise(2, 768)))
    output = walk_flux(empty_flux(read_flux_config(keys)), call, NONE)
    assert output.shape == (2, 16, 128, 128)


@pytest.mark.parametrize("shape", [published.MEDIUM_35, published.LARGE_35])
def test_sd3_draws_1024_pixels_at_full_size(shape: published.Sd3Shape) -> None:
    keys = PartKeys(header_of(dict(published.sd3(shape))))
    call = on_meta(inputs(16, 128, 128, context=noise(2, 154, 4096), vector=noise(2, 2048)))
    output = walk_sd3(empty_sd3(read_sd3_config(keys)), call, NONE)
    assert output.shape == (2, 16, 128, 128)


def on_meta(call: DitInput) -> DitInput:
    """Shapes without numbers."""
    tensors = {each.name: getattr(call, each.name) for each in fields(call)}
    return replace(call, **{name: value.to("meta") for name, value in tensors.items() if isinstance(value, Tensor)})

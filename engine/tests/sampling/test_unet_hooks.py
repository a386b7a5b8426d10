"""What hooks do to a UNet's tensors."""

from dataclasses import replace

import pytest
import torch
from gaussian_model import GaussianModel
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.sampling.attention_guidance import SelfAttentionGuidance, attention_map, blurred
from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.hooks import GuidanceCall, HookCall, NetworkHooks, Place
from studio_engine.sampling.unet_hooks import (
    DeepShrink,
    FreeU,
    GrowToSkip,
    HyperTile,
    ScaledInputs,
    ScaledOutput,
    TokenMerging,
    Undone,
)

WIDTH = 8


def at(side="input", block=1, *, sigma=5.0, size=(16, 24), width=WIDTH, rows=2):
    return HookCall(Place(side, block), torch.full((rows,), sigma), (1, 0), (rows, 4, *size), heads=2, width=width)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("times", "level"), [(4, 0), (2, 1)])
def test_free_u_strengthens_half_of_the_deep_levels_channels(times, level):
    h, skip = random(2, WIDTH * times, 8, 8), random(2, 3, 8, 8, seed=1)
    gains, fades = (1.5, 2.5), (0.5, 0.25)
    changed, faded = FreeU(gains, fades)(h, skip, at("output"))
    half = WIDTH * times // 2
    torch.testing.assert_close(changed[:, :half], h[:, :half] * gains[level])
    assert torch.equal(changed[:, half:], h[:, half:])
    mean = skip.mean(dim=(2, 3))
    torch.testing.assert_close(faded.mean(dim=(2, 3)), mean * fades[level], rtol=1e-4, atol=1e-6)


def test_free_u_leaves_other_levels_alone():
    h, skip = random(2, WIDTH, 8, 8), random(2, WIDTH, 8, 8)
    for call in (at("output"), at("output", width=0)):
        assert all(torch.equal(*pair) for pair in zip(FreeU((2, 2), (0, 0))(h, skip, call), (h, skip), strict=True))


def test_structured_free_u_is_strongest_where_the_tensor_is():
    h = torch.zeros(1, 4 * WIDTH, 2, 2)
    h[..., 0, 0], h[..., 0, 1], h[..., 1, 0] = 1.0, 0.5, 0.25
    changed, _ = FreeU((3.0, 1.0), (1.0, 1.0), is_structured=True)(h, random(1, 1, 2, 2), at("output"))
    assert changed[0, 0].tolist() == [[3.0, 1.0], [0.375, 0.0]]


def test_equal_structured_tensors_give_no_invalid_numbers():
    h = torch.ones(1, 4 * WIDTH, 2, 2)
    changed, _ = FreeU((3.0, 1.0), (1.0, 1.0), is_structured=True)(h, random(1, 1, 2, 2), at("output"))
    assert torch.isfinite(changed).all()


def test_deep_shrink_shrinks_behind_one_block_in_early_steps():
    hook = DeepShrink.between(discrete_sampling(), (0.0, 0.35), block=3, scale=0.5, method="bicubic")
    h = random(1, 4, 16, 24)
    assert hook(h, at(block=3, sigma=14.0)).shape == (1, 4, 8, 12)
    assert hook(h, at(block=2, sigma=14.0)) is h
    assert hook(h, at(block=3, sigma=1.0)) is h


def test_a_shrunk_tensor_grows_to_its_skip_connection():
    h, skip = random(1, 4, 8, 12), random(1, 2, 16, 24)
    grown, same = GrowToSkip("bilinear")(h, skip, at("output"))
    assert grown.shape == (1, 4, 16, 24)
    assert same is skip
    assert GrowToSkip("bilinear")(skip, skip, at("output"))[0] is skip


@pytest.mark.parametrize("hook", [DeepShrink(3, 0.5, (1.0, 0.0), "bicubic"), TokenMerging(0.3)])
def test_hooks_that_go_by_the_step_share_no_forward_with_other_jobs(hook):
    with pytest.raises(TypeError):
        hash(NetworkHooks(input_block=(hook,)))


def test_equal_values_are_equal_hooks():
    assert FreeU((1, 2), (3, 4)) == FreeU((1, 2), (3, 4))
    assert hash(HyperTile(256, 2, 0, False)) == hash(HyperTile(256, 2, 0, False))


def test_inputs_and_output_of_attention_are_scaled():
    q, k, v = random(2, 6, 4), random(2, 5, 4, seed=1), random(2, 5, 4, seed=2)
    scaled = ScaledInputs(2.0, 3.0, 4.0)(q, k, v, at())
    assert all(
        torch.equal(got, value * factor) for got, value, factor in zip(scaled, (q, k, v), (2, 3, 4), strict=True)
    )
    assert torch.equal(ScaledOutput(0.5)(q, at()), q / 2)


def through(hook, x, call):
    """The queries after the input hook, and after the output hook brought them back."""
    q, k, _ = hook(x, x, x, call)
    return q, k, Undone()(q, call)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 512), st.integers(1, 4))
def test_tiles_come_back_in_place(height, width, tile_size, swap_size):
    size = (4 * height, 4 * width)
    x = random(2, size[0] * size[1], 4)
    q, k, restored = through(HyperTile(tile_size, swap_size, 0, False), x, at(size=size))
    assert torch.equal(restored, x)
    assert q.shape == k.shape


def test_a_tile_holds_neighbours():
    x = torch.arange(16 * 16).view(1, -1, 1).float()
    call = at(size=(16, 16), rows=1)
    q, _, _ = through(HyperTile(64, 1, 0, False), x, call)
    assert q.shape == (4, 64, 1)
    rows, columns = (q[0, :, 0] // 16).unique(), (q[0, :, 0] % 16).unique()
    assert (len(rows), len(columns)) == (8, 8)


def test_of_two_sizes_the_smaller_is_chosen():
    x = random(2, 16 * 24, 4)
    for block in range(8):
        one, two = (HyperTile(32, swap, 0, False)(x, x, x, at(block=block))[0].shape for swap in (1, 2))
        assert one == two
    assert len({HyperTile(32, 4, 0, False)(x, x, x, at(block=block))[0].shape for block in range(20)}) > 1


def test_tiles_at_other_levels_need_depth():
    deeper = random(2, 8 * 12, 4)
    assert HyperTile(32, 2, 0, False)(deeper, deeper, deeper, at())[0] is deeper
    assert HyperTile(32, 2, 1, False)(deeper, deeper, deeper, at())[0].shape[0] > 2


@given(st.floats(0.0, 1.0), st.integers(1, 4), st.integers(1, 4))
def test_merged_tokens_are_fewer_and_come_back_to_every_place(ratio, height, width):
    size = (2 * height, 2 * width)
    tokens = size[0] * size[1]
    x = random(2, tokens, 4)
    q, _, restored = through(TokenMerging(ratio), x, at(size=size))
    # A quarter of the tokens are targets, which stay.
    assert q.shape[1] == tokens - min(int(tokens * ratio), tokens - tokens // 4)
    assert restored.shape == x.shape


def test_equal_tokens_merge_without_a_trace():
    x = random(1, 1, 4).expand(1, 64, 4)
    _, _, restored = through(TokenMerging(0.5), x, at(size=(8, 8), rows=1))
    torch.testing.assert_close(restored, x)


def test_without_merging_tokens_keep_their_places():
    x = random(2, 64, 4)
    matching = TokenMerging(0.02)
    _, _, restored = through(matching, x, at(size=(8, 8)))
    assert (restored == x).all(dim=-1).sum(dim=1).tolist() == [62, 62]


def test_the_choice_of_tokens_changes_with_the_step():
    x = random(2, 64, 4)
    one, again, other = (through(TokenMerging(0.5), x, at(size=(8, 8), sigma=sigma))[2] for sigma in (5.0, 5.0, 4.0))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_an_undone_layer_is_forgotten():
    x = random(2, 16 * 24, 4)
    through(HyperTile(64, 1, 0, False), x, at())
    assert Undone()(x, at()) is x


def test_attention_above_the_even_share_is_looked_at():
    attention = torch.ones(1, 6) * 0.5
    attention[0, 4] = 3.5
    seen = attention_map(attention, torch.zeros(1, 4, 4, 6))
    assert seen.shape == (1, 1, 4, 6)
    assert seen[0, 0, 2:, 2:4].all()
    assert seen.sum() == 4


class Attending:
    """Stands for a run's answers: a network whose negative row looks at the first token alone. Zeros are answered."""

    def __init__(self):
        self.seen = []

    def __call__(self, model, prompts, x, sigma):
        self.seen.append(x)
        for _, _, hook in model.hooks.attention:
            k = torch.zeros(2, 36, 4)
            k[0, 0] = k[1, 35] = 100.0
            assert hook(torch.ones(2, 36, 4), k, k, k, at("middle", 0)) is k
        return tuple(torch.zeros_like(x) for _ in prompts)


def test_the_picture_is_blurred_where_the_negative_prompt_s_rows_look():
    sag, answers = SelfAttentionGuidance(1.0, 2.0), Attending()
    x, sigma = random(1, 4, 12, 12), torch.ones(1)
    sag.ask(answers, GaussianModel(), (None, None), x, sigma)
    negative = random(1, 4, 12, 12, seed=1)
    call = GuidanceCall(
        model=GaussianModel(),
        x=x,
        sigma=sigma,
        cfg=1.0,
        prompts=(None, None),
        answers=(x, negative),
        answer=answers,
        denoised=x,
    )
    guided = sag.post_cfg(call)
    degraded = answers.seen[-1] - x + negative
    is_changed = ~torch.isclose(degraded, negative, atol=1e-5)
    # One token of 6 × 6 is a square of 2 × 2 cells: the first.
    assert is_changed[0, 0, :2, :2].all()
    assert is_changed.sum() == 4 * 4
    torch.testing.assert_close(guided, x + degraded)


@given(st.floats(0.0, 10.0))
def test_a_blur_keeps_what_is_even(sigma):
    even = torch.full((1, 4, 16, 16), 2.0)
    torch.testing.assert_close(blurred(even, sigma), even)


def test_a_blur_spreads_a_point():
    point = torch.zeros(1, 1, 17, 17)
    point[..., 8, 8] = 1.0
    assert torch.equal(blurred(point, 0.0), point)
    spread = blurred(point, 1.0)
    assert spread[0, 0, 8, 8] == pytest.approx(1 / (2 * torch.pi), rel=0.01)
    assert spread.sum() == pytest.approx(1.0)


def test_hooks_are_applied_after_those_that_are_there():
    one, two = ScaledOutput(1.0), ScaledOutput(2.0)
    hooks = NetworkHooks(attention_output=(("attn1", one),)) + NetworkHooks(attention_output=(("attn1", two),))
    assert [hook for _, hook in hooks.attention_output] == [one, two]
    assert replace(hooks, attention_output=()).is_empty

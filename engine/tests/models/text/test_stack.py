"""What each family makes of a prompt, with tiny encoders."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio_engine.errors import EngineError
from studio_engine.models.text.clip import ClipText
from studio_engine.models.text.recipes import FLUX, SD1, SD2, SD3, SDXL, SDXL_REFINER, TextRecipe
from studio_engine.models.text.stack import TextStack
from studio_engine.sampling.conditioning import Cond
from tests.models.text.tiny_text import T5_WIDTH, WIDTHS, TinySource, clip_config, randomised, tiny_stack

L_WIDTH, G_WIDTH = WIDTHS["clip_l"], WIDTHS["clip_g"]


def cond(stack: TextStack, text: str, **options: object) -> Cond:
    (only,) = stack.encode(text, **options)  # type: ignore[arg-type]
    return only


@pytest.mark.parametrize(
    ("recipe", "tokens", "width", "pooled"),
    [
        (SD1, 77, L_WIDTH, L_WIDTH),
        (SD2, 77, WIDTHS["clip_h"], WIDTHS["clip_h"]),
        (SDXL, 77, L_WIDTH + G_WIDTH, G_WIDTH),
        (SDXL_REFINER, 77, G_WIDTH, G_WIDTH),
        (SD3, 77 + 77, T5_WIDTH, L_WIDTH + G_WIDTH),
        (FLUX, 256, T5_WIDTH, L_WIDTH),
    ],
)
def test_sizes(recipe: TextRecipe, tokens: int, width: int, pooled: int) -> None:
    answer = cond(tiny_stack(recipe), "a cat")
    assert answer.context.shape == (1, tokens, width)
    assert answer.pooled is not None
    assert answer.pooled.shape == (1, pooled)
    assert answer.context.dtype == torch.float32


def test_long_prompts_are_several_chunks_and_pool_the_first() -> None:
    stack = tiny_stack(SDXL)
    short, long = cond(stack, "cat " * 75), cond(stack, "cat " * 80)
    assert long.context.shape[1] == 154
    torch.testing.assert_close(long.pooled, short.pooled)
    torch.testing.assert_close(long.context[:, :77], short.context)


def test_sd1_reads_the_last_layer_normed_and_sdxl_the_last_but_one_plain() -> None:
    stack = tiny_stack(SD1)
    assert torch.equal(cond(stack, "cat").context, cond(stack.with_layer(-1), "cat").context)
    assert not torch.equal(cond(stack, "cat").context, cond(stack.with_layer(-2), "cat").context)
    large = tiny_stack(SDXL)
    assert torch.equal(cond(large, "cat").context, cond(large.with_layer(-2), "cat").context)
    last = cond(large.with_layer(-1), "cat").context
    assert not torch.allclose(last.mean(-1), torch.zeros(()), atol=0.01)


def test_a_layer_that_is_not_there_is_the_last() -> None:
    stack = tiny_stack(SD1)
    assert torch.equal(cond(stack.with_layer(-24), "cat").context, cond(stack, "cat").context)


def test_a_weight_moves_its_token_away_from_the_empty_prompt() -> None:
    stack = tiny_stack(SD1)
    plain, empty = cond(stack, "cat").context, cond(stack, "").context
    weighted = cond(stack, "(cat:1.5)").context
    torch.testing.assert_close(weighted[:, 1], (plain[:, 1] - empty[:, 1]) * 1.5 + empty[:, 1])
    torch.testing.assert_close(weighted[:, 2:], plain[:, 2:])


def test_t5s_weights_count_against_an_empty_prompt_of_the_same_length() -> None:
    stack = tiny_stack(FLUX)
    plain, weighted = cond(stack, "cat").context, cond(stack, "(cat:0)").context
    empty = cond(stack, "").context
    assert not torch.allclose(weighted[:, 0], plain[:, 0], atol=1e-3)
    torch.testing.assert_close(weighted[:, 0], empty[:, 0], atol=1e-5, rtol=1e-4)


def test_encoders_may_read_texts_of_their_own() -> None:
    stack = tiny_stack(SDXL)
    mixed = cond(stack, "dog", parts={"l": "cat"}).context
    assert torch.equal(mixed[..., :L_WIDTH], cond(stack, "cat").context[..., :L_WIDTH])
    assert torch.equal(mixed[..., L_WIDTH:], cond(stack, "dog").context[..., L_WIDTH:])


def test_the_shorter_text_is_filled_up_with_empty_chunks() -> None:
    stack = tiny_stack(SDXL)
    mixed = cond(stack, "dog " * 80, parts={"l": "cat"}).context
    assert mixed.shape[1] == 154
    torch.testing.assert_close(mixed[:, 77:, :L_WIDTH], cond(stack, "").context[..., :L_WIDTH])


def test_an_encoder_that_is_not_there_cannot_be_spoken_to() -> None:
    with pytest.raises(EngineError, match="no encoder t5xxl"):
        tiny_stack(SDXL).encode("dog", parts={"t5xxl": "cat"})


def test_flux_hands_t5_to_attention_and_clip_to_the_vector() -> None:
    stack = tiny_stack(FLUX)
    mixed = cond(stack, "dog", parts={"t5xxl": "cat"})
    assert torch.equal(mixed.context, cond(stack, "cat").context)
    assert torch.equal(mixed.pooled, cond(stack, "dog").pooled)


def test_sd3_leaves_out_what_is_empty_where_asked() -> None:
    stack = tiny_stack(SD3)
    silent = {"l": "", "g": "", "t5xxl": ""}
    full = cond(stack, "", parts=silent)
    left = cond(stack, "", parts=silent, leaves_out_empty=True)
    assert full.context.shape[1] == 154
    # T5's end token alone.
    assert left.context.shape[1] == 1
    assert left.pooled is not None
    assert left.pooled.count_nonzero() == 0
    half = cond(stack, "", parts={**silent, "g": "cat"}, leaves_out_empty=True)
    assert torch.equal(half.context[:, :77], cond(stack, "", parts={**silent, "g": "cat"}).context[:, :77])


def test_sd3_goes_without_t5() -> None:
    answer = cond(tiny_stack(SD3, without="t5xxl"), "cat")
    assert answer.context.shape == (1, 77, 4096)
    assert answer.context[..., L_WIDTH + G_WIDTH :].count_nonzero() == 0


def test_sdxl_does_not_go_without_an_encoder() -> None:
    with pytest.raises(EngineError, match="lacks the text encoder clip_g") as caught:
        tiny_stack(SDXL, without="clip_g").encode("cat")
    assert caught.value.code == "model.untrained"


def test_t5s_padding_can_be_set() -> None:
    stack = tiny_stack(FLUX)
    assert cond(stack.with_t5_padding(0, 0), "a cat").context.shape[1] == 4
    assert cond(stack.with_t5_padding(3, 0), "a cat").context.shape[1] == 7
    assert cond(stack.with_t5_padding(0, 512), "a cat").context.shape[1] == 512


def test_learned_vectors_stand_in_a_prompt(tmp_path: Path) -> None:
    stack = tiny_stack(SD1)
    source = stack.source
    assert isinstance(source, TinySource)
    module = source.modules["clip_l"]
    vectors = module.embed(torch.tensor([2368, 1929]))  # type: ignore[operator]
    save_file({"emb_params": vectors}, tmp_path / "cat.safetensors")
    source.files["cat.safetensors"] = tmp_path / "cat.safetensors"
    expected = cond(stack, "a cat dog").context
    assert torch.equal(cond(stack, "a embedding:cat").context, expected)
    assert torch.equal(cond(stack, "a embedding:cat.safetensors").context, expected)
    assert torch.equal(cond(stack, "a embedding:none").context, cond(stack, "a").context)


def test_weighted_vectors_move_too(tmp_path: Path) -> None:
    stack = tiny_stack(SD1)
    source = stack.source
    assert isinstance(source, TinySource)
    save_file({"emb_params": torch.ones(1, L_WIDTH)}, tmp_path / "one.safetensors")
    source.files["one.safetensors"] = tmp_path / "one.safetensors"
    plain, empty = cond(stack, "embedding:one").context, cond(stack, "").context
    weighted = cond(stack, "(embedding:one:1.3)").context
    torch.testing.assert_close(weighted[:, 1], (plain[:, 1] - empty[:, 1]) * 1.3 + empty[:, 1])


IDS = torch.tensor([[49406, 2368, 49407, *(0,) * 74]])
"""`cat`, padded as OpenCLIP is."""


def run(
    stack: TextStack, part: str, layer: int | None, *, is_normed: bool, pad: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """States, pooled vector and projected vector of `cat`, straight from the module."""
    assert isinstance(stack.source, TinySource)
    module = stack.source.modules[part]
    assert isinstance(module, ClipText)
    ids = IDS.clone()
    ids[:, 3:] = pad
    states, pooled = module(module.embed(ids), torch.tensor([2]), layer, is_normed=is_normed)
    return states, pooled, module.project(pooled)


def test_sd2_reads_the_last_layer_but_one_normed() -> None:
    stack = tiny_stack(SD2)
    states, _, projected = run(stack, "clip_h", -2, is_normed=True, pad=0)
    torch.testing.assert_close(cond(stack, "cat").context, states)
    torch.testing.assert_close(cond(stack, "cat").pooled, projected)


@pytest.mark.parametrize("recipe", [SDXL, SD3])
def test_sdxl_and_sd3_read_the_last_layers_but_one_plain(recipe: TextRecipe) -> None:
    stack = tiny_stack(recipe)
    low, low_pooled, _ = run(stack, "clip_l", -2, is_normed=False, pad=49407)
    high, _, high_projected = run(stack, "clip_g", -2, is_normed=False, pad=0)
    answer = cond(stack, "cat")
    torch.testing.assert_close(answer.context[:, :77, : L_WIDTH + G_WIDTH], torch.cat([low, high], dim=-1))
    expected = high_projected if recipe is SDXL else torch.cat([low_pooled, high_projected], dim=-1)
    torch.testing.assert_close(answer.pooled, expected)


def test_flux_reads_clips_vector_before_its_projection() -> None:
    stack = tiny_stack(FLUX)
    _, pooled, _ = run(stack, "clip_l", None, is_normed=True, pad=49407)
    torch.testing.assert_close(cond(stack, "cat").pooled, pooled)


def test_clip_h_without_its_last_layer_says_the_same() -> None:
    whole = randomised(ClipText(clip_config("clip_h", 24)))
    trimmed = ClipText(clip_config("clip_h", 23)).train(False)
    trimmed.load_state_dict({name: whole.state_dict()[name] for name in trimmed.state_dict()})
    stack = tiny_stack(SD2)
    answers = [
        cond(replace(stack, source=TinySource({"clip_h": module})), "cat").context for module in (whole, trimmed)
    ]
    torch.testing.assert_close(answers[0], answers[1])
    skipped = [
        cond(replace(stack, source=TinySource({"clip_h": module}), layer=-5), "cat").context
        for module in (whole, trimmed)
    ]
    torch.testing.assert_close(skipped[0], skipped[1])


def test_a_book_is_encoded_a_few_chunks_at_a_time() -> None:
    stack = tiny_stack(SD1)
    words = ["cat", "dog"] * (75 * 70 // 2)
    long = cond(stack, " ".join(words))
    assert long.context.shape[1] == 77 * 70
    torch.testing.assert_close(long.context[:, 77 * 69 :], cond(stack, " ".join(words[75 * 69 :])).context)


def test_a_prompt_that_cannot_fit_is_refused() -> None:
    with pytest.raises(EngineError) as caught:
        tiny_stack(FLUX).with_t5_padding(0, 300_000).encode("cat")
    assert caught.value.code == "engine.out_of_memory"

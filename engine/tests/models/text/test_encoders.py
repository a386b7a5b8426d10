"""Our text transformers compute what those of the published models compute."""

import pytest
import torch
from torch import nn

from studio_engine.models.text.clip import ClipConfig, ClipText
from studio_engine.models.text.stored import StoredEmbedding
from studio_engine.models.text.t5 import T5Encoder, relative_buckets
from tests.models.text.tiny_text import randomised, t5_config

CLIP = ClipConfig(1000, 77, 24, 48, 4, 3, is_quick=True, projection=16)
IDS = torch.randint(1, 999, (2, 77), generator=torch.Generator().manual_seed(1))
ENDS = torch.tensor([20, 76])


def reference_clip(ours: ClipText, activation: str) -> nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=1000,
        hidden_size=24,
        intermediate_size=48,
        num_hidden_layers=4,
        num_attention_heads=3,
        projection_dim=16,
        hidden_act=activation,
        eos_token_id=999,
        bos_token_id=998,
    )
    model = CLIPTextModelWithProjection(config).train(False)
    model.load_state_dict(ours.state_dict())
    return model


def ids_with_ends() -> torch.Tensor:
    ids = IDS.clone()
    ids[torch.arange(2), ENDS] = 999
    return ids


@pytest.mark.parametrize(("is_quick", "activation"), [(True, "quick_gelu"), (False, "gelu")])
def test_clip_answers_as_transformers_does(is_quick: bool, activation: str) -> None:
    config = ClipConfig(1000, 77, 24, 48, 4, 3, is_quick=is_quick, projection=16)
    ours = randomised(ClipText(config))
    theirs = reference_clip(ours, activation)(ids_with_ends(), output_hidden_states=True)
    states, pooled = ours(ours.embed(ids_with_ends()), ENDS, None, is_normed=True)
    torch.testing.assert_close(states, theirs.last_hidden_state, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.project(pooled), theirs.text_embeds, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("layer", [-1, -2, -3])
def test_inner_layers_are_counted_from_the_end(layer: int) -> None:
    ours = randomised(ClipText(CLIP))
    theirs = reference_clip(ours, "quick_gelu")(ids_with_ends(), output_hidden_states=True).hidden_states[layer]
    plain, _ = ours(ours.embed(ids_with_ends()), ENDS, layer, is_normed=False)
    normed, _ = ours(ours.embed(ids_with_ends()), ENDS, layer, is_normed=True)
    torch.testing.assert_close(plain, theirs, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(normed, ours.text_model.final_layer_norm(theirs), atol=1e-5, rtol=1e-4)


def test_clip_skip_leaves_the_pooled_vector_alone() -> None:
    ours = randomised(ClipText(CLIP))
    _, last = ours(ours.embed(IDS), ENDS, None, is_normed=True)
    _, skipped = ours(ours.embed(IDS), ENDS, -3, is_normed=True)
    assert torch.equal(last, skipped)


def test_without_a_projection_the_vector_stays() -> None:
    ours = ClipText(ClipConfig(10, 7, 4, 8, 1, 1, is_quick=True, projection=None))
    assert torch.equal(ours.project(torch.ones(1, 4)), torch.ones(1, 4))


def test_t5_answers_as_transformers_does() -> None:
    from transformers import T5Config, T5EncoderModel

    ours = randomised(T5Encoder(t5_config()))
    config = T5Config(
        vocab_size=32128,
        d_model=32,
        d_kv=16,
        d_ff=48,
        num_layers=3,
        num_heads=2,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
    )
    model = T5EncoderModel(config).train(False)
    model.load_state_dict({**ours.state_dict(), "encoder.embed_tokens.weight": ours.shared.weight}, strict=False)
    ids = torch.randint(0, 32000, (2, 200), generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(ours(ours.embed(ids), None), model(ids).last_hidden_state, atol=1e-4, rtol=1e-3)


def test_t5s_inner_layers_are_normed() -> None:
    ours = randomised(T5Encoder(t5_config()))
    x = ours.embed(torch.tensor([[5, 6, 1]]))
    assert torch.equal(ours(x, -1), ours(x, None))
    shorter = randomised(T5Encoder(t5_config(2)))
    shorter.load_state_dict({name: ours.state_dict()[name] for name in shorter.state_dict()})
    assert torch.equal(ours(x, -2), shorter(x, None))


def test_far_tokens_share_a_bucket() -> None:
    buckets = relative_buckets(400, 32)
    assert buckets.min() == 0
    assert buckets.max() == 31
    assert torch.equal(buckets[0, 128:], torch.full((272,), 31))
    assert torch.equal(buckets[399, :271], torch.full((271,), 15))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_weights_stay_as_stored_and_computing_is_fp32(dtype: torch.dtype) -> None:
    wide = randomised(T5Encoder(t5_config()))
    narrow = T5Encoder(t5_config())
    narrow.load_state_dict({name: value.to(dtype) for name, value in wide.state_dict().items()}, assign=True)
    wide.load_state_dict({name: value.to(dtype).float() for name, value in wide.state_dict().items()}, assign=True)
    ids = torch.tensor([[9, 8, 7, 1]])
    answer = narrow(narrow.embed(ids), None)
    assert narrow.shared.weight.dtype == dtype
    assert answer.dtype == torch.float32
    torch.testing.assert_close(answer, wide(wide.embed(ids), None), atol=1e-6, rtol=1e-5)


def test_an_8_bit_table_is_read_by_its_bytes() -> None:
    table = StoredEmbedding(3, 2, _weight=torch.tensor([[1.0, 2], [3, 4], [5, 6]]).to(torch.float8_e5m2))
    assert torch.equal(table(torch.tensor([2, 0])), torch.tensor([[5.0, 6], [1, 2]]))

"""Style models add a picture's tokens to a prompt."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from studio_engine.errors import EngineError
from studio_engine.models.store import ModelStore
from studio_engine.models.vision.encoder import VisionOutput
from studio_engine.models.vision.style import open_style, read_style_config, with_style
from studio_engine.nodes.style_model import StyleModelApply
from studio_engine.sampling.conditioning import Cond
from tests.models.adapters.conftest import Write, noise
from tests.models.control.layouts import header_of

STATES = noise(2, 5, 16)
SEEN = VisionOutput(STATES, STATES, STATES)
PROMPT = (Cond(noise(1, 7, 12)), Cond(noise(1, 9, 12)))
REDUX = {
    "redux_up.weight": noise(24, 16),
    "redux_up.bias": noise(24),
    "redux_down.weight": noise(12, 24),
    "redux_down.bias": noise(12),
}


def adapter_weights() -> dict[str, Tensor]:
    shapes: dict[str, tuple[int, ...]] = {"style_embedding": (1, 3, 16), "proj": (16, 12)}
    for name in ("ln_pre", "ln_post", "transformer_layes.0.ln_1", "transformer_layes.0.ln_2"):
        shapes |= {f"{name}.weight": (16,), f"{name}.bias": (16,)}
    layer = "transformer_layes.0."
    shapes |= {f"{layer}attn.in_proj_weight": (48, 16), f"{layer}attn.in_proj_bias": (48,)}
    shapes |= {f"{layer}attn.out_proj.weight": (16, 16), f"{layer}attn.out_proj.bias": (16,)}
    shapes |= {f"{layer}mlp.c_fc.weight": (64, 16), f"{layer}mlp.c_fc.bias": (64,)}
    shapes |= {f"{layer}mlp.c_proj.weight": (16, 64), f"{layer}mlp.c_proj.bias": (16,)}
    return {name: noise(*shape, seed=number) for number, (name, shape) in enumerate(shapes.items())}


def redux_says(states: Tensor) -> Tensor:
    up = functional.silu(states @ REDUX["redux_up.weight"].T + REDUX["redux_up.bias"])
    return up @ REDUX["redux_down.weight"].T + REDUX["redux_down.bias"]


def test_redux_gives_a_token_for_each_patch(store: ModelStore, write: Write) -> None:
    tokens = open_style(store, write(REDUX)).tokens(SEEN)
    torch.testing.assert_close(tokens, redux_says(STATES).reshape(1, 10, 12), rtol=1e-4, atol=1e-4)


def test_the_style_adapter_reads_patches_through_a_transformer(store: ModelStore, write: Write) -> None:
    weights = adapter_weights()
    found = open_style(store, write(weights, {"studio.style_heads": "2"})).tokens(SEEN)

    def norm(x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (16,), weights[f"{name}.weight"], weights[f"{name}.bias"])

    x = norm(torch.cat([STATES, weights["style_embedding"].expand(2, -1, -1)], 1), "ln_pre")
    layer = "transformer_layes.0."
    attention = nn.MultiheadAttention(16, 2, batch_first=True)
    attention.load_state_dict({k.removeprefix(f"{layer}attn."): v for k, v in weights.items() if f"{layer}attn." in k})
    normed = norm(x, f"{layer}ln_1")
    with torch.no_grad():
        x = x + attention(normed, normed, normed)[0]
    inner = norm(x, f"{layer}ln_2") @ weights[f"{layer}mlp.c_fc.weight"].T + weights[f"{layer}mlp.c_fc.bias"]
    inner = inner * torch.sigmoid(1.702 * inner)
    x = x + inner @ weights[f"{layer}mlp.c_proj.weight"].T + weights[f"{layer}mlp.c_proj.bias"]
    wanted = norm(x[:, -3:], "ln_post") @ weights["proj"]
    torch.testing.assert_close(found, wanted.reshape(1, 6, 12), rtol=1e-4, atol=1e-3)


def test_tokens_stand_behind_each_prompts_words(store: ModelStore, write: Write) -> None:
    style = open_style(store, write(REDUX))
    first, second = with_style(PROMPT, style, SEEN, strength=0.5)
    assert torch.equal(first.context[:, :7], PROMPT[0].context)
    torch.testing.assert_close(first.context[:, 7:], 0.5 * style.tokens(SEEN))
    assert second.context.shape == (1, 19, 12)


def test_another_encoder_or_prompt_is_refused(store: ModelStore, write: Write) -> None:
    style = open_style(store, write(REDUX))
    other = noise(1, 5, 8)
    with pytest.raises(EngineError, match="reads 16 numbers per patch"):
        style.tokens(VisionOutput(other, other, other))
    with pytest.raises(EngineError, match="tokens of 12 numbers and this prompt has 8"):
        with_style((Cond(noise(1, 7, 8)),), style, SEEN, strength=1.0)


@pytest.mark.parametrize(
    ("weights", "strength", "is_refused"), [(REDUX, 0.5, True), (REDUX, 1.0, False), (adapter_weights(), 0.5, False)]
)
def test_attention_to_redux_cannot_be_biased(
    store: ModelStore, write: Write, weights: dict[str, Tensor], strength: float, is_refused: bool
) -> None:
    style: Any = open_style(store, write(weights))
    applied = StyleModelApply(
        conditioning=PROMPT, style_model=style, clip_vision_output=SEEN, strength=strength, strength_type="attn_bias"
    )
    if is_refused:
        with pytest.raises(EngineError, match="choose multiply"):
            applied.run(None)  # type: ignore[arg-type]
    else:
        found: Any = applied.run(None)  # type: ignore[arg-type]
        torch.testing.assert_close(found[0][0].context[:, 7:], style.tokens(SEEN))


def test_published_files_are_read_from_their_shapes() -> None:
    redux = {"redux_up.weight": (12288, 1152), "redux_down.weight": (4096, 12288)}
    config = read_style_config(header_of(redux))
    assert (config.inputs, config.inner, config.outputs, config.tokens) == (1152, 12288, 4096, None)
    style = {"style_embedding": (1, 8, 1024), "proj": (1024, 768), "transformer_layes.2.ln_1.weight": (1024,)}
    config = read_style_config(header_of(style))
    assert (config.inputs, config.outputs, config.tokens, config.layers, config.heads) == (1024, 768, 8, 3, 8)


def test_other_files_are_named(store: ModelStore, write: Write) -> None:
    with pytest.raises(EngineError, match="no style model") as caught:
        open_style(store, write({"x.weight": torch.ones(2, 2)}))
    assert caught.value.code == "model.family_unknown"

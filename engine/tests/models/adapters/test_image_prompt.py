"""IP-Adapters prompt a UNet as in diffusers."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from studio_engine.errors import EngineError
from studio_engine.graph.sockets import Model
from studio_engine.models.adapters.image_prompt.apply import (
    ImagePromptAdapter,
    open_image_prompt,
    prompted_by_images,
)
from studio_engine.models.adapters.image_prompt.blueprint import read_image_prompt_config
from studio_engine.models.adapters.image_prompt.hook import attention_places
from studio_engine.models.adapters.image_prompt.modules import ImagePromptConfig, empty_image_prompt
from studio_engine.models.files import ModelFile
from studio_engine.models.store import ModelStore
from studio_engine.models.vision.encoder import VisionEncoder, open_vision, prepared
from studio_engine.sampling.conditioning import NetInput
from studio_engine.sampling.hooks import Place
from tests.models.adapters.conftest import Write, noise
from tests.models.adapters.test_vision import HEADS, IMAGES, vision
from tests.models.control.layouts import header_of, shapes_of
from tests.models.tiny_checkpoint import TINY_UNET, randomised

# down: two layers at each of three levels; up: three; one in the middle
WIDTHS = (16, 16, 16, 16, 32, 32, 32, 32, 32, 16, 16, 16, 16, 16, 16, 32)
PLAIN = ImagePromptConfig("plain", embedding=24, context=32, tokens=4, layer_widths=WIDTHS)
PLUS = ImagePromptConfig(
    "plus", embedding=32, context=32, tokens=5, layer_widths=WIDTHS, width=64, depth=4, heads=2, inner=256
)
FULL = ImagePromptConfig("full", embedding=32, context=32, tokens=0, layer_widths=WIDTHS)
X, TIME, CONTEXT = noise(2, 4, 8, 8), torch.tensor([500.0, 20.0]), noise(2, 7, 32)


def weights(config: ImagePromptConfig) -> dict[str, Tensor]:
    return dict(randomised(empty_image_prompt(config), 5).state_dict())


@pytest.fixture
def encoder(store: ModelStore, write: Write) -> VisionEncoder:
    return open_vision(store, write(dict(vision().state_dict()), HEADS, name="vision"))


def opened(store: ModelStore, file: ModelFile) -> ImagePromptAdapter:
    return open_image_prompt(store, file)


def predicted(model: Model, sigma: float = 1.0, prompts: tuple[int, ...] = (0, 0)) -> Tensor:
    inputs = NetInput(CONTEXT, prompt_of_row=prompts)
    return model.network.predict(X, TIME, inputs, model.hooks, torch.full((2,), sigma))


def said_by_diffusers(
    store: ModelStore, model: Model, tensors: dict[str, Tensor], seen: Tensor, scale: float
) -> Tensor:
    unet = copy.deepcopy(store.part(model.network.ref).module)  # type: ignore[attr-defined]
    split: dict[str, dict[str, Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for key, value in tensors.items():
        part, _, name = key.partition(".")
        split[part][name] = value
    unet._load_ip_adapter_weights([split])
    for processor in unet.attn_processors.values():
        if hasattr(processor, "scale"):
            processor.scale = [scale]
    with torch.no_grad():
        answer: Tensor = unet(X, TIME, CONTEXT, added_cond_kwargs={"image_embeds": [seen]}).sample
    return answer


@pytest.mark.parametrize("config", [PLAIN, PLUS, FULL], ids=lambda config: config.kind)
def test_a_picture_prompts_as_in_diffusers(
    store: ModelStore, model: Model, encoder: VisionEncoder, write: Write, config: ImagePromptConfig
) -> None:
    tensors = weights(config)
    adapter = opened(store, write(tensors))
    assert adapter.config == config
    image = IMAGES[:1]
    prompted = prompted_by_images(model, adapter, adapter.tokens(encoder, image), weight=0.6, share=(0.0, 1.0))
    said = encoder.encode(image)
    seen = said.image_embeds if config.kind == "plain" else said.penultimate_hidden_states
    wanted = said_by_diffusers(store, model, tensors, seen[None].expand(2, *[-1] * seen.ndim), 0.6)
    torch.testing.assert_close(predicted(prompted), wanted, rtol=1e-3, atol=1e-3)


def test_several_pictures_give_their_tokens_one_after_the_other(
    store: ModelStore, encoder: VisionEncoder, write: Write
) -> None:
    adapter = opened(store, write(weights(PLAIN)))
    both = adapter.tokens(encoder, IMAGES)
    assert both.shape == (2, 8, 32)
    torch.testing.assert_close(both[:1, :4], adapter.tokens(encoder, IMAGES[:1])[:1])
    torch.testing.assert_close(both[:1, 4:], adapter.tokens(encoder, IMAGES[1:])[:1])


def test_the_negative_prompt_sees_nothing(
    store: ModelStore, model: Model, encoder: VisionEncoder, write: Write
) -> None:
    adapter = opened(store, write(weights(PLUS)))
    tokens = adapter.tokens(encoder, IMAGES[:1])
    prompted = prompted_by_images(model, adapter, tokens, weight=1.0, share=(0.0, 1.0))
    swapped = prompted_by_images(model, adapter, tokens.flip(0), weight=1.0, share=(0.0, 1.0))
    mixed = predicted(prompted, prompts=(0, 1))
    torch.testing.assert_close(mixed[0], predicted(prompted)[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(mixed[1], predicted(swapped)[1], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(mixed[1], predicted(prompted)[1], atol=1e-3)


def test_nothing_is_what_the_encoder_says_of_the_mean_colour(
    store: ModelStore, encoder: VisionEncoder, write: Write
) -> None:
    with torch.no_grad():
        wanted = vision()(pixel_values=torch.zeros(1, 3, 28, 28), output_hidden_states=True).hidden_states[-2]
    torch.testing.assert_close(encoder.encode_blank().penultimate_hidden_states, wanted, rtol=1e-4, atol=1e-4)
    assert prepared(IMAGES, 28, crops=True).shape == (2, 3, 28, 28)


def test_pictures_count_in_their_share_of_the_steps(
    store: ModelStore, model: Model, encoder: VisionEncoder, write: Write
) -> None:
    adapter = opened(store, write(weights(PLAIN)))
    tokens = adapter.tokens(encoder, IMAGES[:1])
    late = prompted_by_images(model, adapter, tokens, weight=1.0, share=(0.5, 1.0))
    high, low = model.sampling.percent_to_sigma(0.2), model.sampling.percent_to_sigma(0.8)
    assert torch.equal(predicted(late, high), predicted(model, high))
    assert not torch.allclose(predicted(late, low), predicted(model, low), atol=1e-3)


def test_adapters_add_up(store: ModelStore, model: Model, encoder: VisionEncoder, write: Write) -> None:
    adapter = opened(store, write(weights(PLAIN)))
    tokens = adapter.tokens(encoder, IMAGES[:1])

    def with_weights(*values: float) -> Tensor:
        result = model
        for value in values:
            result = prompted_by_images(result, adapter, tokens, weight=value, share=(0.0, 1.0))
        return predicted(result)

    torch.testing.assert_close(with_weights(0.25, 0.5), with_weights(0.75), rtol=1e-4, atol=1e-4)


def test_no_weight_leaves_the_model_itself(
    store: ModelStore, model: Model, encoder: VisionEncoder, write: Write
) -> None:
    adapter = opened(store, write(weights(PLAIN)))
    tokens = adapter.tokens(encoder, IMAGES[:1])
    assert prompted_by_images(model, adapter, tokens, weight=0.0, share=(0.0, 1.0)) is model


def test_an_adapter_for_another_family_names_both(
    store: ModelStore, model: Model, encoder: VisionEncoder, write: Write
) -> None:
    config = ImagePromptConfig("plain", embedding=24, context=2048, tokens=4, layer_widths=(8,) * 70)
    adapter = opened(store, write(weights(config)))
    with pytest.raises(EngineError, match=r"made for SDXL; the loaded model is SD 1\.5") as caught:
        prompted_by_images(model, adapter, torch.zeros(2, 4, 2048), weight=1.0, share=(0.0, 1.0))
    assert caught.value.code == "model.family_unknown"


def test_another_picture_encoder_is_refused(store: ModelStore, encoder: VisionEncoder, write: Write) -> None:
    config = ImagePromptConfig("plain", embedding=25, context=32, tokens=4, layer_widths=WIDTHS)
    with pytest.raises(EngineError, match="vectors of 25 numbers"):
        opened(store, write(weights(config))).tokens(encoder, IMAGES)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"ip_adapter_proj_model.proj.weight": (2, 2)}, "for Flux"),
        ({"ip_adapter.1.to_k_ip.weight": (2, 2), "ip_adapter.0.to_q_lora.down.weight": (2, 2)}, "FaceID"),
        ({"x.weight": (2, 2)}, "is no IP-Adapter"),
    ],
)
def test_other_files_are_named(store: ModelStore, write: Write, keys: dict[str, tuple[int, ...]], words: str) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        opened(store, write({key: torch.ones(shape) for key, shape in keys.items()}))
    assert caught.value.code == "model.family_unknown"


def test_layers_are_counted_down_up_and_middle() -> None:
    places = list(attention_places(TINY_UNET))
    assert places[:3] == [Place("input", 1), Place("input", 2), Place("input", 4)]
    assert places[6:8] == [Place("output", 3), Place("output", 4)]
    assert places[-1] == Place("middle", 0)
    assert len(places) == 16


PUBLISHED: dict[str, ImagePromptConfig] = {
    "ip-adapter_sd15": ImagePromptConfig("plain", 1024, 768, 4, (320,) * 16),
    "ip-adapter-plus_sd15": ImagePromptConfig("plus", 1280, 768, 16, (320,) * 16, 768, 4, 12, 3072),
    "ip-adapter_sdxl": ImagePromptConfig("plain", 1280, 2048, 4, (640,) * 70),
    "ip-adapter-plus_sdxl_vit-h": ImagePromptConfig("plus", 1280, 2048, 16, (640,) * 70, 1280, 4, 20, 5120),
    "ip-adapter-full-face_sd15": ImagePromptConfig("full", 1280, 768, 0, (320,) * 16),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_adapters_are_read_from_their_shapes(name: str) -> None:
    module: Any = empty_image_prompt(PUBLISHED[name])
    assert isinstance(module, nn.Module)
    assert read_image_prompt_config(header_of(shapes_of(module))) == PUBLISHED[name]

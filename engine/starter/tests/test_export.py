"""What is exported computes what was trained, read back by diffusers' own single-file conversion."""

from collections.abc import Callable

import pytest
import torch
from diffusers.loaders import single_file_utils
from torch import Tensor

from starter.checkpoint import Trained
from starter.export import SD1_LATENT_SCALE, to_single_file
from starter.layout import TEXT_PREFIX
from starter.models import TINY_WIDTHS, build_autoencoder, build_text_encoder, build_unet

VOCABULARY = 64
# fp16 keeps three digits of a weight.
TOLERANCE = 2e-2


def _converted(part: str, tensors: dict[str, Tensor], config: dict[str, object]) -> dict[str, Tensor]:
    convert: Callable[..., dict[str, Tensor]] = getattr(single_file_utils, f"convert_ldm_{part}_checkpoint")
    return convert(tensors, config)


@pytest.fixture(scope="module")
def trained() -> Trained:
    torch.manual_seed(0)
    return Trained(
        build_text_encoder(TINY_WIDTHS, VOCABULARY).train(False),
        build_unet(TINY_WIDTHS).train(False),
        build_autoencoder(TINY_WIDTHS).train(False),
        mean=torch.tensor([-2.5, 2.3, -1.0, -0.1]),
        deviation=torch.tensor([3.4, 2.3, 1.8, 0.9]),
        steps=0,
        examples=0,
    )


@pytest.fixture(scope="module")
def single_file(trained: Trained) -> dict[str, Tensor]:
    return {key: value.float() for key, value in to_single_file(trained).items()}


@torch.no_grad()
def test_unet_computes_the_same(trained: Trained, single_file: dict[str, Tensor]) -> None:
    unet = build_unet(TINY_WIDTHS).train(False)
    unet.load_state_dict(_converted("unet", dict(single_file), dict(unet.config)))
    latent, context = torch.randn(2, 4, 16, 16), torch.randn(2, 77, TINY_WIDTHS.text)
    torch.testing.assert_close(
        unet(latent, 500, context).sample, trained.unet(latent, 500, context).sample, atol=TOLERANCE, rtol=TOLERANCE
    )


@torch.no_grad()
def test_autoencoder_works_on_latents_of_the_usual_scale(trained: Trained, single_file: dict[str, Tensor]) -> None:
    autoencoder = build_autoencoder(TINY_WIDTHS).train(False)
    autoencoder.load_state_dict(_converted("vae", dict(single_file), dict(autoencoder.config)))
    pixels = torch.rand(1, 3, 64, 64) * 2 - 1
    ours = trained.autoencoder.encode(pixels).latent_dist
    theirs = autoencoder.encode(pixels).latent_dist
    mean, deviation = trained.mean.view(1, 4, 1, 1), trained.deviation.view(1, 4, 1, 1)
    normalised = (ours.mean - mean) / deviation
    torch.testing.assert_close(theirs.mean * SD1_LATENT_SCALE, normalised, atol=TOLERANCE, rtol=TOLERANCE)
    torch.testing.assert_close(theirs.std * SD1_LATENT_SCALE, ours.std / deviation, atol=TOLERANCE, rtol=TOLERANCE)
    torch.testing.assert_close(
        autoencoder.decode(normalised / SD1_LATENT_SCALE).sample,
        trained.autoencoder.decode(ours.mean).sample,
        atol=TOLERANCE,
        rtol=TOLERANCE,
    )


@torch.no_grad()
def test_text_encoder_computes_the_same(trained: Trained, single_file: dict[str, Tensor]) -> None:
    text = build_text_encoder(TINY_WIDTHS, VOCABULARY).train(False)
    found = {key.removeprefix(TEXT_PREFIX): value for key, value in single_file.items() if key.startswith(TEXT_PREFIX)}
    text.load_state_dict(found)
    tokens = torch.randint(0, VOCABULARY, (2, 77))
    torch.testing.assert_close(
        text(tokens).last_hidden_state, trained.text(tokens).last_hidden_state, atol=TOLERANCE, rtol=TOLERANCE
    )

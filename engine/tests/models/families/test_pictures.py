"""Pictures as prompts: unCLIP's vector, and the pooled text's stand-in in SDXL."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.errors import EngineError
from studio_engine.models.families.unet.network import UnetNetwork
from studio_engine.models.families.unet.pictures import EXTRA, NoiseAugmentor, PictureHint, picture_vector
from studio_engine.models.families.unet.sinusoids import sinusoids
from studio_engine.models.families.unet.vector import sizes_vector
from studio_engine.models.inventory import scan_models
from studio_engine.models.store import ModelStore
from studio_engine.models.vision.encoder import VisionOutput
from studio_engine.nodes.unclip import UnclipConditioning
from studio_engine.runtime.plan import plain_plan
from studio_engine.sampling.conditioning import Cond
from tests.models.families.tiny_files import PICTURE, tiny_file
from tests.models.families.tiny_source import run_of

WIDTH = 16
RUN = replace(run_of((1, 4, 8, 8)), seed=5)
VECTOR = torch.randn(1, WIDTH, generator=torch.Generator().manual_seed(1))


def told(*hints: PictureHint, pooled: torch.Tensor | None = None) -> Cond:
    return Cond(torch.zeros(1, 77, 32), pooled, extra={EXTRA: hints})


def test_noise_follows_the_cosine_schedule() -> None:
    from diffusers import DDPMScheduler

    shares = DDPMScheduler(1000, beta_schedule="squaredcos_cap_v2").alphas_cumprod
    noise = torch.randn(1, WIDTH, generator=torch.Generator().manual_seed(3))
    for level, wanted in ((0.0, 0), (0.5, 500), (1.0, 999)):
        found = NoiseAugmentor(WIDTH)(VECTOR, level, 3)
        expected = shares[wanted].sqrt() * VECTOR + (1 - shares[wanted]).sqrt() * noise
        torch.testing.assert_close(found[:, :WIDTH], expected, atol=1e-4, rtol=1e-3)
        assert torch.equal(found[:, WIDTH:], sinusoids(torch.tensor([wanted]), WIDTH))


def test_noise_is_of_the_data_the_vectors_come_from() -> None:
    mean, deviation = torch.full((1, WIDTH), 3.0), torch.full((1, WIDTH), 2.0)
    plain = NoiseAugmentor(WIDTH)((VECTOR - mean) / deviation, 0.4, 3)
    found = NoiseAugmentor(WIDTH, mean, deviation)(VECTOR, 0.4, 3)
    torch.testing.assert_close(found[:, :WIDTH], plain[:, :WIDTH] * deviation + mean)


def test_one_picture_counts_by_its_strength() -> None:
    found = picture_vector(told(PictureHint(VECTOR, 0.5, 0.2)), RUN, NoiseAugmentor(WIDTH), merged_noise=0.05)
    assert torch.equal(found, NoiseAugmentor(WIDTH)(VECTOR, 0.2, -5) * 0.5)


def test_several_pictures_are_summed_and_blurred_once_more() -> None:
    augmentor = NoiseAugmentor(WIDTH)
    hints = PictureHint(VECTOR, 1.0, 0.0), PictureHint(-VECTOR, 0.5, 0.3)
    total = augmentor(VECTOR, 0.0, -5) + augmentor(-VECTOR, 0.3, -5) * 0.5
    found = picture_vector(told(*hints), RUN, augmentor, merged_noise=0.05)
    torch.testing.assert_close(found, augmentor(total[:, :WIDTH], 0.05, -5))


def test_a_picture_takes_the_place_of_sdxls_pooled_text() -> None:
    plain = sizes_vector(told(pooled=torch.ones(1, 1280)), 0, RUN)
    pictured = sizes_vector(told(PictureHint(torch.ones(1, 1280) * 2, 1.0, 0.0), pooled=torch.ones(1, 1280)), 0, RUN)
    assert pictured.shape == plain.shape
    assert (pictured[:, :1280] - 2).abs().max() < 0.1
    assert torch.equal(pictured[:, 1280:], plain[:, 1280:])


@pytest.fixture
def network(tmp_path: Path) -> UnetNetwork:
    (tmp_path / "checkpoints").mkdir()
    tiny_file(tmp_path / "checkpoints" / "u.safetensors", "sd2_unclip")
    inventory = scan_models(tmp_path / "none", tmp_path, DigestCache(tmp_path / "d.json"))
    found = ModelStore(inventory, plain_plan(), 2**28).checkpoint("u.safetensors")[0].network
    assert isinstance(found, UnetNetwork)
    return found


def test_unclip_reads_zeros_where_no_picture_is(network: UnetNetwork) -> None:
    silent = network.prepare(told(), 1, RUN).vector
    assert torch.equal(silent, torch.zeros(1, 2 * PICTURE))


def test_unclip_knows_the_statistics_of_its_file(network: UnetNetwork) -> None:
    statistics = torch.full((1, PICTURE), 1.5)
    shown = network.prepare(told(PictureHint(VECTOR, 1.0, 0.6)), 0, RUN).vector
    assert torch.equal(shown, NoiseAugmentor(PICTURE, statistics, statistics)(VECTOR, 0.6, -5))


def test_a_picture_of_another_encoder_is_refused(network: UnetNetwork) -> None:
    with pytest.raises(EngineError, match="8 numbers and the model reads 16"):
        network.prepare(told(PictureHint(torch.ones(1, 8), 1.0, 0.0)), 0, RUN)


def test_the_node_adds_pictures_to_prompts() -> None:
    seen = VisionOutput(torch.zeros(1, 2, 4), torch.zeros(1, 2, 4), VECTOR)
    prompt = (Cond(torch.zeros(1, 77, 8)),)
    for count in (1, 2):
        (prompt,) = UnclipConditioning(
            conditioning=prompt, clip_vision_output=seen, strength=0.5, noise_augmentation=0.1
        ).run(None)
        assert len(prompt[0].extra[EXTRA]) == count
    (same,) = UnclipConditioning(
        conditioning=prompt, clip_vision_output=seen, strength=0.0, noise_augmentation=0.1
    ).run(None)
    assert same is prompt

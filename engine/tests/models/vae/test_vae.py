"""Autoencoders whole and in tiles; TAESD; and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.errors import EngineError
from studio_engine.models.inventory import scan_models
from studio_engine.models.parts import PartRef
from studio_engine.models.store import ModelStore
from studio_engine.models.vae.config import VaeConfig
from studio_engine.models.vae.handle import PixelVae, Vae
from studio_engine.models.vae.open import built_in_vaes, open_vae
from studio_engine.models.vae.tiles import Tiles, in_three_tilings, tiled
from studio_engine.runtime.plan import plain_plan
from studio_engine.sampling.model import LatentFormat
from tests.models.families.tiny_source import OnePart
from tests.models.tiny_checkpoint import TINY_VAE, tiny_modules, write_tiny_checkpoint

CONFIG = VaeConfig(3, 3, 4, (8, 8, 16, 16), 1, 4)


class LocalVae(nn.Module):
    """Each cell becomes 8 × 8 pixels that depend on it and its neighbours, as in a decoder without norms."""

    def decode(self, latents: Tensor, return_dict: bool) -> tuple[Tensor]:
        blurred = nn.functional.avg_pool2d(latents[:, :3], 3, stride=1, padding=1)
        return (nn.functional.interpolate(blurred, scale_factor=8),)


class Scarce(LocalVae):
    """Runs out of memory with more than 8 × 8 cells."""

    def decode(self, latents: Tensor, return_dict: bool) -> tuple[Tensor]:
        if latents.shape[2] * latents.shape[3] > 64 * 64:
            raise torch.OutOfMemoryError
        return super().decode(latents, return_dict)


def vae_of(module: nn.Module) -> Vae:
    return Vae(OnePart(module, CONFIG), PartRef((), "vae", "vae"))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(4, 16), st.integers(0, 3))
def test_tiles_of_what_looks_at_single_cells_are_seamless(height: int, width: int, tile: int, overlap: int) -> None:
    x = torch.randn(2, 3, height, width)
    double: Callable[[Tensor], Tensor] = lambda part: nn.functional.interpolate(part * 3, scale_factor=2)  # noqa: E731
    for apply in (tiled, in_three_tilings):
        joined = apply(x, double, Tiles(tile, tile, min(overlap, tile // 4), 2.0))
        torch.testing.assert_close(joined, double(x))


def test_tiles_shrink_too() -> None:
    x = torch.randn(1, 3, 96, 160)
    joined = in_three_tilings(x, lambda part: nn.functional.avg_pool2d(part, 8), Tiles(64, 64, 16, 1 / 8))
    torch.testing.assert_close(joined, nn.functional.avg_pool2d(x, 8))


def test_tiled_decoding_equals_whole_decoding_away_from_seams() -> None:
    vae, latents = vae_of(LocalVae()), torch.randn(1, 4, 40, 40)
    whole, parts = vae.decode(latents), vae.decode_tiled(latents, tile=128, overlap=32)
    assert parts.shape == whole.shape
    error = (whole - parts).abs()
    # No tile ends within the first four cells; elsewhere a seam is a few cells wide, and faint.
    assert error[:, :32, :32].max() < 1e-5
    assert error.mean() < 0.03 * whole.std()
    assert error.max() < 0.25


def test_what_does_not_fit_whole_is_decoded_in_tiles() -> None:
    latents = torch.randn(1, 4, 80, 80)
    scarce = vae_of(Scarce()).decode(latents)
    assert (scarce - vae_of(LocalVae()).decode(latents)).abs().max() < 0.25


def test_a_real_autoencoder_goes_there_and_back_in_tiles() -> None:
    _, module, _ = tiny_modules()
    vae = Vae(OnePart(module, TINY_VAE), PartRef((), "vae", "vae"))
    images = torch.rand(1, 72, 100, 3)
    latents = vae.encode_tiled(images, tile=64, overlap=16)
    assert latents.shape == vae.encode(images).shape == (1, 4, 9, 12)
    decoded = vae.decode_tiled(latents, tile=64, overlap=16)
    assert decoded.shape == (1, 72, 96, 3)
    assert 0 <= decoded.min() <= decoded.max() <= 1


def test_latents_of_another_family_are_refused() -> None:
    for decode in (vae_of(LocalVae()).decode, lambda x: vae_of(LocalVae()).decode_tiled(x, tile=64, overlap=0)):
        with pytest.raises(EngineError, match="16 channels and the VAE reads 4"):
            decode(torch.zeros(1, 16, 8, 8))


def test_a_picture_smaller_than_a_cell_is_refused() -> None:
    with pytest.raises(EngineError, match="too small"):
        vae_of(LocalVae()).encode(torch.zeros(1, 7, 64, 3))


def test_pixel_space_is_the_picture_itself() -> None:
    images = torch.rand(2, 5, 6, 3)
    torch.testing.assert_close(PixelVae().decode(PixelVae().encode(images)), images)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

    write_tiny_checkpoint(tmp_path / "vae" / "whole.safetensors")
    folder = tmp_path / "vae_approx"
    folder.mkdir()
    torch.manual_seed(0)
    for name, channels in (("taesd", 4), ("taef1", 16)):
        tiny = AutoencoderTiny(latent_channels=channels)
        save_file(tiny.encoder.layers.state_dict(), folder / f"{name}_encoder.safetensors")
        decoder = {
            f"{int(key.split('.')[0]) + 1}.{key.partition('.')[2]}": value
            for key, value in tiny.decoder.layers.state_dict().items()
        }
        save_file(decoder, folder / f"{name}_decoder.safetensors")
    save_file({"1.weight": torch.ones(1)}, folder / "taesdxl_decoder.safetensors")
    inventory = scan_models(tmp_path / "none", tmp_path, DigestCache(tmp_path / "digests.json"))
    return ModelStore(inventory, plain_plan(), 2**28)


def test_a_checkpoint_in_the_vae_folder_serves_as_its_autoencoder(store: ModelStore) -> None:
    _, module, _ = tiny_modules()
    latents = torch.randn(1, 4, 4, 4)
    expected = Vae(OnePart(module, TINY_VAE), PartRef((), "vae", "vae")).decode(latents)
    torch.testing.assert_close(open_vae(store, "whole.safetensors").decode(latents), expected)


@pytest.mark.parametrize(("name", "format"), [("taesd", LatentFormat()), ("taef1", LatentFormat(16, 0.3611, 0.1159))])
def test_small_autoencoders_speak_raw_latents(store: ModelStore, name: str, format: LatentFormat) -> None:
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

    torch.manual_seed(0)
    tiny = {"taesd": AutoencoderTiny(latent_channels=4), "taef1": AutoencoderTiny(latent_channels=16)}[name]
    vae, images = open_vae(store, name), torch.rand(1, 16, 16, 3)
    latents = vae.encode(images)
    with torch.no_grad():
        seen = tiny.encoder(images.permute(0, 3, 1, 2) * 2 - 1)
        torch.testing.assert_close(format.to_model(latents), seen, atol=1e-4, rtol=1e-4)
        picture = (tiny.decoder(seen) / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
    torch.testing.assert_close(vae.decode(latents), picture, atol=1e-4, rtol=1e-4)


def test_small_autoencoders_are_offered_when_both_halves_are_there() -> None:
    files = ["taesd_encoder.safetensors", "taesd_decoder.pth", "taesd3_decoder.safetensors"]
    assert built_in_vaes(files) == ["taesd", "pixel_space"]


def test_the_encoder_of_another_family_is_refused(store: ModelStore, tmp_path: Path) -> None:
    folder = tmp_path / "vae_approx"
    (folder / "taef1_encoder.safetensors").write_bytes((folder / "taesd_encoder.safetensors").read_bytes())
    inventory = scan_models(tmp_path / "none", tmp_path, DigestCache(tmp_path / "digests.json"))
    with pytest.raises(EngineError, match="is not the encoder of taef1"):
        open_vae(ModelStore(inventory, plain_plan(), 2**28), "taef1").encode(torch.rand(1, 8, 8, 3))


def test_a_small_autoencoder_shows_what_is_drawn(store: ModelStore) -> None:
    latents = torch.randn(1, 4, 16, 40)
    shown = store.preview(latents, LatentFormat(), None)
    assert shown.shape == (1, 13 * 8, 32 * 8, 3)
    few = nn.functional.interpolate(latents, size=(13, 32), mode="area")
    torch.testing.assert_close(shown, open_vae(store, "taesd").decode(LatentFormat().to_raw(few)), atol=1e-5, rtol=1e-5)


def test_without_one_the_checkpoints_own_shows_colours_by_a_linear_map(store: ModelStore) -> None:
    vae = open_vae(store, "whole.safetensors").ref
    latents = torch.randn(1, 4, 6, 5)
    other = LatentFormat(scale=0.5)
    assert store.preview(latents, other, vae).shape == (1, 6, 5, 3)
    assert store.preview(latents, other, None).shape == (1, 6, 5, 3)

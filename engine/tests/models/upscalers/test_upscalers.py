"""Upscalers from every published layout: sizes, names, and what they compute."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, leaky_relu, pixel_shuffle, pixel_unshuffle, prelu

from studio_engine.checkpoint.header import TensorEntry
from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError
from studio_engine.models.inventory import Inventory
from studio_engine.models.store import ModelStore
from studio_engine.models.upscalers import handle
from studio_engine.models.upscalers.config import PREFIXES, read_upscaler_config, upscaler_keys
from studio_engine.models.upscalers.handle import Upscaler, open_upscaler
from studio_engine.models.upscalers.modules import empty_upscaler
from studio_engine.models.upscalers.names import stored_names
from studio_engine.nodes.upscale import ImageUpscaleWithModel, UpscaleModelLoader
from studio_engine.runtime.plan import plain_plan
from tests.models.upscalers import layouts
from tests.models.upscalers.layouts import Shapes
from tests.nodes.picture_context import PictureContext

SMALL = {"width": 8, "growth": 4, "blocks": 2}


def header_of(shapes: Shapes, prefix: str = "") -> SafetensorsHeader:
    entries = {prefix + name: TensorEntry("F32", shape, 0, 0) for name, shape in shapes.items()}
    return SafetensorsHeader(Path("up.safetensors"), 0, 0, {}, entries)


def store_with(*files: object) -> ModelStore:
    return ModelStore(Inventory(tuple(files)), plain_plan(), 64_000_000)  # type: ignore[arg-type]


def conv(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)


def real_esrgan_by_hand(weights: dict[str, Tensor], picture: Tensor, fold: int) -> Tensor:
    """The published forward pass, straight from the paper's figures."""
    first = conv(weights, "conv_first", pixel_unshuffle(picture, fold) if fold > 1 else picture)
    x = first
    for block in range(2):
        start = x
        for part in (1, 2, 3):
            seen, entry = x, x
            for number in range(1, 5):
                out = leaky_relu(conv(weights, f"body.{block}.rdb{part}.conv{number}", seen), 0.2)
                seen = torch.cat([seen, out], 1)
            x = entry + 0.2 * conv(weights, f"body.{block}.rdb{part}.conv5", seen)
        x = start + 0.2 * x
    x = first + conv(weights, "conv_body", x)
    for number in (1, 2):
        x = leaky_relu(conv(weights, f"conv_up{number}", interpolate(x, scale_factor=2)), 0.2)
    return conv(weights, "conv_last", leaky_relu(conv(weights, "conv_hr", x), 0.2))


PUBLISHED = [
    (layouts.real_esrgan(), 4),
    (layouts.real_esrgan(blocks=6), 4),
    (layouts.real_esrgan(fold=2), 2),
    (layouts.real_esrgan(fold=4), 1),
    (layouts.bsrgan(), 4),
    (layouts.bsrgan(doublings=1), 2),
    (layouts.old_esrgan(), 4),
    (layouts.old_esrgan(doublings=3), 8),
    (layouts.old_esrgan(doublings=1), 2),
    (layouts.old_esrgan(doublings=0), 1),
    (layouts.compact(), 4),
    (layouts.compact(layers=16), 4),
    (layouts.compact(scale=2), 2),
    (layouts.compact(scale=1), 1),
]


@pytest.mark.parametrize(("shapes", "scale"), PUBLISHED)
def test_every_published_size_is_read_from_names_and_shapes(shapes: Shapes, scale: int) -> None:
    keys = upscaler_keys(header_of(shapes))
    config = read_upscaler_config(keys)
    assert config.scale == scale
    named = stored_names(keys) if "body.0.weight" not in keys else lambda name: name
    ours = {named(name): tuple(tensor.shape) for name, tensor in empty_upscaler(config).state_dict().items()}
    assert ours == shapes


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_trainers_put_before_names_is_found(prefix: str) -> None:
    assert upscaler_keys(header_of(layouts.compact(layers=1), prefix)).prefix == prefix


@pytest.mark.parametrize("fold", [1, 2, 4])
def test_a_real_esrgan_computes_what_was_published(tmp_path: Path, fold: int) -> None:
    weights = layouts.random_weights(layouts.real_esrgan(**SMALL, fold=fold))
    file = layouts.write(tmp_path / "a.safetensors", weights, "params_ema.")
    upscaler = open_upscaler(store_with(file), file)
    picture = torch.rand(1, 8, 12, 3)
    expected = real_esrgan_by_hand(weights, picture.movedim(-1, 1), fold).movedim(1, -1).clamp(0, 1)
    assert torch.allclose(upscaler.enlarge(picture), expected, atol=1e-5)


def test_the_same_weights_in_other_layouts_give_the_same_picture(tmp_path: Path) -> None:
    new = layouts.random_weights(layouts.real_esrgan(**SMALL))
    results = []
    for shapes in (layouts.real_esrgan(**SMALL), layouts.bsrgan(**SMALL), layouts.old_esrgan(**SMALL)):
        weights = dict(zip(shapes, new.values(), strict=True))
        file = layouts.write(tmp_path / f"{len(results)}.safetensors", weights)
        results.append(open_upscaler(store_with(file), file).enlarge(torch.full((1, 6, 6, 3), 0.3)))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_a_compact_model_adds_to_the_nearest_enlargement(tmp_path: Path) -> None:
    weights = layouts.random_weights(layouts.compact(width=8, layers=1, scale=2))
    file = layouts.write(tmp_path / "a.safetensors", weights)
    picture = torch.rand(1, 3, 6, 5)
    x = prelu(conv(weights, "body.0", picture), weights["body.1.weight"])
    x = prelu(conv(weights, "body.2", x), weights["body.3.weight"])
    expected = pixel_shuffle(conv(weights, "body.4", x), 2) + interpolate(picture, scale_factor=2)
    result = open_upscaler(store_with(file), file).enlarge(picture.movedim(1, -1))
    assert torch.allclose(result, expected.movedim(1, -1).clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (7, 2)])
def test_a_picture_that_cannot_be_folded_evenly_keeps_its_size(tmp_path: Path, height: int, width: int) -> None:
    file = layouts.write(tmp_path / "a.safetensors", layouts.random_weights(layouts.real_esrgan(**SMALL, fold=4)))
    assert open_upscaler(store_with(file), file).enlarge(torch.rand(1, height, width, 3)).shape == (1, height, width, 3)


def compact_upscaler(tmp_path: Path) -> Upscaler:
    weights = layouts.random_weights(layouts.compact(width=8, layers=2, scale=2))
    file = layouts.write(tmp_path / "a.safetensors", weights)
    return open_upscaler(store_with(file), file)


def test_seams_are_invisible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upscaler, picture = compact_upscaler(tmp_path), torch.rand(1, 150, 100, 3)
    whole = upscaler.enlarge(picture)
    monkeypatch.setattr(handle, "_TILE", 64)
    assert torch.allclose(upscaler.enlarge(picture), whole, atol=1e-5)


def test_tiles_are_halved_until_they_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upscaler, picture = compact_upscaler(tmp_path), torch.rand(1, 300, 60, 3)
    whole = upscaler.enlarge(picture)
    module = upscaler.source.part(upscaler.ref).module
    sides, forward = [], module.forward

    def small_memory(samples: Tensor) -> Tensor:
        sides.append(max(samples.shape[-2:]))
        if sides[-1] > 128:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return forward(samples)

    monkeypatch.setattr(module, "forward", small_memory)
    assert torch.allclose(upscaler.enlarge(picture), whole, atol=1e-5)
    assert sides[:3] == [300, 256, 128]


def test_what_does_not_even_fit_in_small_tiles_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upscaler = compact_upscaler(tmp_path)

    def no_memory(samples: Tensor) -> Tensor:
        raise MemoryError

    monkeypatch.setattr(upscaler.source.part(upscaler.ref).module, "forward", no_memory)
    with pytest.raises(MemoryError):
        upscaler.enlarge(torch.rand(1, 8, 8, 3))


def test_nothing_of_the_file_is_left_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = layouts.write(tmp_path / "a.safetensors", layouts.random_weights(layouts.old_esrgan(**SMALL)))
    with caplog.at_level(logging.WARNING):
        open_upscaler(store_with(file), file).enlarge(torch.rand(1, 4, 4, 3))
    assert caplog.records == []


def test_the_nodes_load_and_enlarge_and_tell_each_tile(tmp_path: Path) -> None:
    file = layouts.write(tmp_path / "a.safetensors", layouts.random_weights(layouts.compact(width=8, layers=1)))
    ctx = PictureContext(models=store_with(file))
    (model,) = UpscaleModelLoader(model_name="a.safetensors").run(ctx)
    (picture,) = ImageUpscaleWithModel(upscale_model=model, image=torch.rand(2, 5, 6, 4)).run(ctx)
    assert picture.shape == (2, 20, 24, 3)
    assert 0 <= picture.min() <= picture.max() <= 1
    assert ctx.steps == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    "shapes",
    [
        {"model.diffusion_model.input_blocks.0.0.weight": (4, 4, 3, 3)},
        {"model.0.weight": (8, 3, 3, 3), "model.1.sub.0.RDB1.conv1x1.weight": (4, 8, 1, 1)},
        {},
        layouts.compact(width=8, layers=1) | {"body.4.weight": (2, 8, 3, 3)},
        {"body.0.weight": (8, 3, 3, 3), "body.1.weight": (8,)},
    ],
)
def test_what_is_no_upscaler_is_refused(shapes: Shapes) -> None:
    with pytest.raises(EngineError) as caught:
        read_upscaler_config(upscaler_keys(header_of(shapes)))
    assert caught.value.code in ("model.family_unknown", "model.untrained", "model.file_corrupt")


@pytest.mark.parametrize("is_legacy", [False, True])
def test_a_pth_file_gives_the_same_picture(tmp_path: Path, is_legacy: bool) -> None:
    weights = layouts.random_weights(layouts.real_esrgan(**SMALL))
    plain = layouts.write(tmp_path / "a.safetensors", weights)
    path = tmp_path / "a.pth"
    torch.save({"params_ema": weights, "params": {}}, path, _use_new_zipfile_serialization=not is_legacy)
    pickled = replace(plain, name="a.pth", path=path, sha256="pth")
    store, picture = store_with(plain, pickled), torch.rand(1, 6, 6, 3)
    assert torch.equal(open_upscaler(store, pickled).enlarge(picture), open_upscaler(store, plain).enlarge(picture))


def test_a_missing_layer_is_told(tmp_path: Path) -> None:
    weights = layouts.random_weights(layouts.real_esrgan(**SMALL))
    del weights["body.1.rdb2.conv3.weight"]
    file = layouts.write(tmp_path / "a.safetensors", weights)
    with pytest.raises(EngineError, match=r"body\.1\.rdb2\.conv3"):
        open_upscaler(store_with(file), file).enlarge(torch.rand(1, 4, 4, 3))


def test_a_broken_number_is_told(tmp_path: Path) -> None:
    weights = layouts.random_weights(layouts.compact(width=8, layers=1))
    weights["body.0.weight"][0, 0, 0, 0] = float("nan")
    path = tmp_path / "a.safetensors"
    save_file(weights, path)
    file = layouts.write(path, weights)
    with pytest.raises(EngineError, match="NaN"):
        open_upscaler(store_with(file), file).enlarge(torch.rand(1, 4, 4, 3))

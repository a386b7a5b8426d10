"""T2I-Adapters say what diffusers' say, in each layout."""

from typing import Any

import pytest
import torch
from diffusers.models.adapter import T2IAdapter
from torch import Tensor, nn

from studio_engine.errors import EngineError
from studio_engine.models.control.open import open_control_net
from studio_engine.models.control.t2i import stored_name, t2i_blueprint
from studio_engine.models.control.t2i_net import T2IAdapterNet
from studio_engine.models.parts import PartRef
from studio_engine.models.store import ModelStore
from studio_engine.runtime.plan import plain_plan
from studio_engine.sampling.conditioning import ControlUse, NetInput, Residuals
from studio_engine.sampling.model import Latent
from tests.models.control.conftest import Write, noise, random_module
from tests.models.control.layouts import header_of, shapes_of

WIDTHS = [16, 16, 32, 32]
IMAGE = noise(1, 128, 64, 3).sigmoid()
LATENT = Latent(torch.zeros(1, 4, 16, 8))
FULL: dict[str, Any] = {"channels": WIDTHS, "downscale_factor": 8, "adapter_type": "full_adapter"}
# diffusers adds a level of the last width by itself
LIGHT: dict[str, Any] = {
    "channels": WIDTHS[:3],
    "num_res_blocks": 4,
    "downscale_factor": 8,
    "adapter_type": "light_adapter",
}
XL: dict[str, Any] = {"channels": WIDTHS, "downscale_factor": 16, "adapter_type": "full_adapter_xl"}
KINDS = pytest.mark.parametrize("settings", [FULL, LIGHT, XL], ids=["full", "light", "xl"])


def adapter(settings: dict[str, Any]) -> nn.Module:
    return random_module(lambda: T2IAdapter(**settings))


def own_layout(module: nn.Module) -> dict[str, Tensor]:
    """Names of TencentARC's files."""
    state = module.state_dict()
    config = t2i_blueprint(PartRef((), "t2i_adapter", ""), [header_of(shapes_of(module))], plain_plan())
    names = [name for name, _ in config.empty().named_parameters()]
    return {name: state["adapter." + stored_name(name, config.config)] for name in names}  # type: ignore[arg-type]


def added(store: ModelStore, file: Any, *, vector: Tensor | None = None, strength: float = 1.0) -> Residuals:
    net = open_control_net(store, file)
    assert isinstance(net, T2IAdapterNet)
    control = net.prepare(ControlUse(net, IMAGE, strength), LATENT)
    return net.residuals(torch.zeros(1, 4, 16, 8), torch.ones(1), NetInput(noise(1, 7, 32), vector), control)


def features(module: nn.Module) -> list[Tensor]:
    with torch.no_grad():
        return list(module(IMAGE.movedim(-1, 1)))


@KINDS
@pytest.mark.parametrize("is_own", [False, True], ids=["diffusers", "own"])
def test_features_are_those_of_diffusers(
    store: ModelStore, write: Write, settings: dict[str, Any], is_own: bool
) -> None:
    module = adapter(settings)
    file = write(own_layout(module) if is_own else module.state_dict())
    found = added(store, file, vector=noise(1, 4) if settings is XL else None)
    present = [each for each in (*found.input, *found.middle) if each is not None]
    for one, other in zip(present, features(module), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "blocks", "middle"), [(FULL, [2, 5, 8, 11], 0), (LIGHT, [2, 5, 8, 11], 0), (XL, [3, 5, 8], 1)]
)
def test_features_go_to_the_last_block_of_each_size(
    store: ModelStore, write: Write, settings: dict[str, Any], blocks: list[int], middle: int
) -> None:
    found = added(store, write(adapter(settings).state_dict()), vector=noise(1, 4) if settings is XL else None)
    assert [number for number, each in enumerate(found.input) if each is not None] == blocks
    assert len(found.middle) == middle
    assert found.output == ()


def test_an_adapter_steers_a_unet_as_in_diffusers(store: ModelStore, write: Write) -> None:
    module = adapter(FULL)
    net = open_control_net(store, write(module.state_dict()))
    assert isinstance(net, T2IAdapterNet)
    model = store.checkpoint("tiny.safetensors")[0]
    unet = store.part(model.network.ref).module  # type: ignore[attr-defined]
    x, time, context = noise(1, 4, 16, 8), torch.tensor([300.0]), noise(1, 7, 32)
    with torch.no_grad():
        wanted = unet(x, time, context, down_intrablock_additional_residuals=features(module)).sample
    inputs = NetInput(context, controls=(net.prepare(ControlUse(net, IMAGE, 1.0), LATENT),))
    found = model.network.predict(x, time, inputs, model.hooks, torch.ones(1))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_strength_scales_the_features(store: ModelStore, write: Write) -> None:
    file = write(adapter(FULL).state_dict())
    one, other = added(store, file).input[2], added(store, file, strength=0.5).input[2]
    assert one is not None
    assert other is not None
    torch.testing.assert_close(one * 0.5, other)


def test_a_grey_adapter_reads_the_mean_of_the_colours(store: ModelStore, write: Write) -> None:
    module = adapter({**FULL, "in_channels": 1})
    with torch.no_grad():
        wanted = module(IMAGE.movedim(-1, 1).mean(1, keepdim=True))
    found = added(store, write(module.state_dict())).input[2]
    assert found is not None
    torch.testing.assert_close(found, wanted[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("settings", [FULL, XL], ids=["full", "xl"])
def test_an_adapter_for_another_family_names_both(store: ModelStore, write: Write, settings: dict[str, Any]) -> None:
    vector = None if settings is XL else noise(1, 4)
    with pytest.raises(EngineError, match="T2I-Adapter was made for") as caught:
        added(store, write(adapter(settings).state_dict()), vector=vector)
    assert caught.value.code == "model.family_unknown"


@pytest.mark.parametrize(
    ("kind", "channels", "factor"), [("full_adapter", 3, 8), ("light_adapter", 3, 8), ("full_adapter_xl", 3, 16)]
)
def test_every_weight_of_published_adapters_has_its_place(kind: str, channels: int, factor: int) -> None:
    blocks = {"num_res_blocks": 4, "channels": [320, 640, 1280]} if kind == "light_adapter" else {}
    with torch.device("meta"):
        shapes = shapes_of(T2IAdapter(channels, downscale_factor=factor, adapter_type=kind, **blocks))  # type: ignore[arg-type]
    blueprint = t2i_blueprint(PartRef((), "t2i_adapter", ""), [header_of(shapes)], plain_plan())
    places = {blueprint.source(key).key: tuple(value.shape) for key, value in blueprint.empty().state_dict().items()}
    assert places == shapes

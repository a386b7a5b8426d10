"""Hypernetworks change what keys and values are projected from."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.errors import EngineError
from studio_engine.graph.sockets import Model
from studio_engine.models.adapters.hypernetwork import (
    ACTIVATIONS,
    Hypernetwork,
    HypernetworkHook,
    with_hypernetwork,
)
from studio_engine.models.files import ModelFile
from studio_engine.models.store import ModelStore
from studio_engine.sampling.conditioning import NetInput
from tests.models.adapters.conftest import Write, model_file, noise

X, TIME, CONTEXT = noise(1, 4, 8, 8), torch.tensor([500.0]), noise(1, 7, 32)


def side(width: int, seed: int, *, is_normed: bool = False) -> dict[str, Tensor]:
    tensors = {
        "linear.0.weight": 0.2 * noise(2 * width, width, seed=seed),
        "linear.0.bias": 0.2 * noise(2 * width, seed=seed),
        "linear.1.weight": 0.2 * noise(width, 2 * width, seed=seed + 1),
        "linear.1.bias": 0.2 * noise(width, seed=seed + 1),
    }
    if is_normed:
        tensors["linear.2.weight"], tensors["linear.2.bias"] = noise(width, seed=seed + 2), noise(width, seed=seed + 3)
    return tensors


def trained(path: Path, **settings: object) -> ModelFile:
    """As the trainer saves it: settings beside pairs of networks under whole numbers."""
    is_normed = bool(settings.get("is_layer_norm", False))
    networks = {
        width: (side(width, width, is_normed=is_normed), side(width, width + 50, is_normed=is_normed))
        for width in (16, 32)
    }
    torch.save({"name": "tiny", "step": 7, **settings, **networks}, path)
    return model_file(path, "hypernetwork")


def said(width: int, x: Tensor, seed: int, activation: Any) -> Tensor:
    tensors = side(width, seed)
    inner = activation(x @ tensors["linear.0.weight"].T + tensors["linear.0.bias"])
    return inner @ tensors["linear.1.weight"].T + tensors["linear.1.bias"]


def module_of(store: ModelStore, model: Model) -> Hypernetwork:
    hook = model.hooks.attention_input[-1][1]
    assert isinstance(hook, HypernetworkHook)
    module = store.part(hook.ref).module
    assert isinstance(module, Hypernetwork)
    return module


def predicted(model: Model) -> Tensor:
    return model.network.predict(X, TIME, NetInput(CONTEXT), model.hooks, torch.ones(1))


@pytest.mark.parametrize(("name", "function"), [("linear", lambda x: x), ("relu", functional.relu)])
def test_keys_and_values_get_what_their_networks_say(
    store: ModelStore, model: Model, tmp_path: Path, name: str, function: Any
) -> None:
    file = trained(tmp_path / "h.pt", activation_func=name)
    module = module_of(store, with_hypernetwork(store, model, file, strength=0.5))
    keys, values = noise(1, 3, 32), noise(1, 3, 32, seed=1)
    found = module.changed(keys, values, 0.5)
    torch.testing.assert_close(found[0], keys + 0.5 * said(32, keys, 32, function))
    torch.testing.assert_close(found[1], values + 0.5 * said(32, values, 82, function))


def test_other_widths_stay_as_they_are(store: ModelStore, model: Model, tmp_path: Path) -> None:
    module = module_of(store, with_hypernetwork(store, model, trained(tmp_path / "h.pt"), strength=1.0))
    keys = noise(1, 3, 64)
    assert module.changed(keys, keys, 1.0)[0] is keys


def test_layer_norms_stand_between_the_layers(store: ModelStore, model: Model, tmp_path: Path) -> None:
    module = module_of(
        store, with_hypernetwork(store, model, trained(tmp_path / "h.pt", is_layer_norm=True), strength=1.0)
    )
    keys = noise(1, 3, 32)
    norm = functional.layer_norm(said(32, keys, 32, lambda x: x), (32,), noise(32, seed=34), noise(32, seed=35))
    torch.testing.assert_close(module.changed(keys, keys, 1.0)[0], keys + norm, rtol=1e-4, atol=1e-4)


def test_the_output_is_activated_where_it_was_in_training(store: ModelStore, model: Model, tmp_path: Path) -> None:
    file = trained(tmp_path / "h.pt", activation_func="relu", activate_output=True)
    module = module_of(store, with_hypernetwork(store, model, file, strength=1.0))
    keys = noise(1, 3, 32)
    wanted = functional.relu(said(32, keys, 32, functional.relu))
    torch.testing.assert_close(module.changed(keys, keys, 1.0)[0], keys + wanted)


def test_both_kinds_of_attention_change(store: ModelStore, model: Model, tmp_path: Path) -> None:
    changed = with_hypernetwork(store, model, trained(tmp_path / "h.pt"), strength=1.0)
    assert [name for name, _ in changed.hooks.attention_input] == ["attn1", "attn2"]
    assert not torch.allclose(predicted(changed), predicted(model), atol=1e-3)
    nothing = with_hypernetwork(store, model, trained(tmp_path / "h.pt"), strength=0.0)
    torch.testing.assert_close(predicted(nothing), predicted(model))


def test_equal_hypernetworks_may_share_a_forward(store: ModelStore, model: Model, tmp_path: Path) -> None:
    file = trained(tmp_path / "h.pt")
    one, other = (with_hypernetwork(store, model, file, strength=0.7) for _ in range(2))
    assert one.hooks == other.hooks
    assert one.hooks != with_hypernetwork(store, model, file, strength=0.8).hooks


def test_an_unknown_activation_is_named(store: ModelStore, model: Model, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="activation glu") as caught:
        with_hypernetwork(store, model, trained(tmp_path / "h.pt", activation_func="glu"), strength=1.0)
    assert caught.value.code == "model.family_unknown"
    assert "glu" not in ACTIVATIONS


def test_other_files_are_named(store: ModelStore, model: Model, write: Write) -> None:
    with pytest.raises(EngineError, match="is no hypernetwork"):
        with_hypernetwork(store, model, write({"x.weight": torch.ones(2, 2)}), strength=1.0)

"""Merges: each weight is own · w1 + other · w2, with ComfyUI's choice of block, and nothing else changes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.errors import EngineError
from studio_engine.models.families.unet.keys import ldm_key
from studio_engine.models.inventory import scan_models
from studio_engine.models.merge import MergePatch, merged_models, merged_texts
from studio_engine.models.parts import PartRef
from studio_engine.models.store import ModelStore
from studio_engine.models.text.stack import TextStack
from studio_engine.nodes.merging import ModelMergeBlocks
from studio_engine.nodes.merging_by_block import ModelMergeSD1
from studio_engine.runtime.plan import plain_plan
from studio_engine.sampling.model import Model
from tests.models.families.tiny_source import OnePart
from tests.models.tiny_checkpoint import TINY_UNET, write_tiny_checkpoint

SD1_BLOCKS = tuple(ModelMergeSD1.spec.inputs)[2:]
HALF = 0.5


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("merge")
    write_tiny_checkpoint(folder / "checkpoints" / "one.safetensors", seed=1)
    write_tiny_checkpoint(folder / "checkpoints" / "two.safetensors", seed=7)
    inventory = scan_models(folder / "none", folder, DigestCache(folder / "digests.json"))
    return ModelStore(inventory, plain_plan(), 2**28)


def weights(store: ModelStore, model: Model) -> dict[str, Tensor]:
    return dict(store.part(model.network.ref).module.named_parameters())


def shares_found(store: ModelStore, merged: Model) -> dict[str, float]:
    """Single-file name -> share of the first model."""
    one, two = (weights(store, store.checkpoint(f"{name}.safetensors")[0]) for name in ("one", "two"))
    found = {}
    for name, weight in weights(store, merged).items():
        place = (one[name] - two[name]).abs().argmax()
        difference = (one[name] - two[name]).flatten()[place]
        found[ldm_key(name, TINY_UNET)] = float((weight - two[name]).flatten()[place] / difference)
    return found


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_a_merge_is_linear(own: float, other: float) -> None:
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    source = OnePart(second, None)
    changes = MergePatch(PartRef((), "network", "sd1"), (own, other)).changes(first, source)
    for name, weight in first.named_parameters():
        mixed = own * weight.detach() + other * second.get_parameter(name).detach()
        given_back = changes[name](weight.detach()) if name in changes else weight.detach()
        torch.testing.assert_close(given_back, mixed)


def test_all_of_the_first_shares_every_weight(store: ModelStore) -> None:
    one, two = (store.checkpoint(f"{name}.safetensors")[0] for name in ("one", "two"))
    merged = merged_models(one, two, (1.0, 0.0))
    assert store.part(merged.network.ref).owned_bytes == 0


def test_blocks_have_their_own_ratios(store: ModelStore) -> None:
    one, two = (store.checkpoint(f"{name}.safetensors")[0] for name in ("one", "two"))
    (merged,) = ModelMergeBlocks(model1=one, model2=two, input=0.25, middle=0.5, out=0.75).run(None)
    expected = {"input_blocks": 0.25, "time_embed": 0.25, "middle_block": 0.5, "output_blocks": 0.75, "out": 0.75}
    for key, share in shares_found(store, merged).items():
        assert share == pytest.approx(expected[key.partition(".")[0]], abs=1e-3), key


def test_the_longest_name_decides_and_the_first_ratio_covers_the_rest(store: ModelStore) -> None:
    one, two = (store.checkpoint(f"{name}.safetensors")[0] for name in ("one", "two"))
    ratios = dict.fromkeys(SD1_BLOCKS, 0.5) | {"input_blocks.1.": 0.0, "output_blocks.11.": 1.0}
    (merged,) = ModelMergeSD1(model1=one, model2=two, ratios=ratios).run(None)
    for key, share in shares_found(store, merged).items():
        place = ".".join(key.split(".")[:2])
        expected = {"input_blocks.1": 0.0, "output_blocks.11": 1.0}.get(place, 0.5)
        assert share == pytest.approx(expected, abs=1e-3), key


def test_a_ratio_counts_where_names_begin_with_it(store: ModelStore) -> None:
    one, two = (store.checkpoint(f"{name}.safetensors")[0] for name in ("one", "two"))
    merged = merged_models(one, two, (0.75, 0.25), by_prefix={"transformer_blocks": (0.0, 1.0)})
    assert all(share == pytest.approx(0.75, abs=1e-3) for share in shares_found(store, merged).values())


def test_equal_merges_are_one_in_memory(store: ModelStore) -> None:
    one, two = (store.checkpoint(f"{name}.safetensors")[0] for name in ("one", "two"))
    refs = [merged_models(one, two, (HALF, HALF)).network.ref for _ in range(2)]
    assert store.part(refs[0]) is store.part(refs[1])
    assert merged_models(one, two, (0.4, 0.6)).network.ref != refs[0]


def test_a_difference_added_back_gives_the_other_model(store: ModelStore) -> None:
    one, two = (store.checkpoint(f"{name}.safetensors")[0] for name in ("one", "two"))
    difference = merged_models(two, one, (1.0, -1.0))
    restored = weights(store, merged_models(one, difference, (1.0, 1.0)))
    for name, weight in weights(store, two).items():
        torch.testing.assert_close(restored[name], weight, atol=1e-5, rtol=1e-4)


def test_text_encoders_merge_part_by_part(store: ModelStore) -> None:
    one, two = (store.checkpoint(f"{name}.safetensors")[1] for name in ("one", "two"))
    merged = merged_texts(one, two, (0.25, 0.75))
    assert isinstance(merged, TextStack)
    first, second, mixed = (store.part(stack.refs[0]).module for stack in (one, two, merged))
    name = next(name for name, _ in first.named_parameters())
    expected = 0.25 * first.get_parameter(name) + 0.75 * second.get_parameter(name)
    torch.testing.assert_close(mixed.get_parameter(name), expected)


def test_models_of_other_sizes_are_refused(store: ModelStore) -> None:
    one = store.checkpoint("one.safetensors")[0]
    strange = OnePart(nn.Linear(3, 3), None)
    patch = MergePatch(one.network.ref, (HALF, HALF))
    with pytest.raises(EngineError, match="other weights than the first model"):
        patch.changes(store.part(one.network.ref).module, strange)

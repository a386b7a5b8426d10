"""Whatever a header says, a file is recognised or refused with a code; the engine never fails at start."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio_engine.errors import EngineError
from studio_engine.models.blueprints import blueprint_of
from studio_engine.models.detect import detect_network
from studio_engine.models.parts import PartRef
from studio_engine.runtime.plan import plain_plan
from tests.models.families.test_published import file_named, header_of
from tests.models.published import stored

PUBLISHED = {name: stored(name) for name in ("sd1", "sd2", "sdxl", "sdxl_refiner", "vae")}
TELLING = ("input_blocks", "output_blocks", "out.", "label_emb", "encoder.", "decoder.", "proj_in", "to_k")
SHAPES = st.lists(st.integers(0, 5), max_size=6).map(tuple)


@settings(max_examples=150)
@given(st.sampled_from(sorted(PUBLISHED)), st.integers(0, 2**32), st.lists(SHAPES, min_size=1, max_size=4))
def test_shapes_that_lie_are_refused_with_a_code(name: str, seed: int, shapes: list[tuple[int, ...]]) -> None:
    chance = random.Random(seed)
    tensors = dict(PUBLISHED[name])
    telling = [key for key in tensors if any(mark in key for mark in TELLING)]
    for shape in shapes:
        tensors[chance.choice(telling)] = shape
    for key in chance.sample(telling, chance.randrange(3)):
        del tensors[key]
    header = header_of(tensors)
    refused = set()
    for part in ("network", "vae"):
        try:
            if part == "network":
                detect_network(header)
            blueprint_of(PartRef((file_named(name),), part, "sd1"), [header], plain_plan())
        except EngineError as error:
            refused.add(error.code)
    assert refused <= {"model.file_corrupt", "model.family_unknown", "model.untrained"}


def test_absurd_numbers_in_names_take_no_time() -> None:
    shapes = PUBLISHED["sd1"] | {"model.diffusion_model.input_blocks.999999999999.0.op.weight": (1,)}
    with pytest.raises(EngineError, match="numbered with gaps"):
        detect_network(header_of(shapes))

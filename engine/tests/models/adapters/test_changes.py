"""Every kind of change against its formula, written out in index notation."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from studio_engine.models.adapters.change import Added, AddedPart, Change, Decomposed
from studio_engine.models.adapters.generalised import Generalised
from studio_engine.models.adapters.hadamard import Hadamard
from studio_engine.models.adapters.kronecker import Kronecker
from studio_engine.models.adapters.low_rank import LowRank
from studio_engine.models.adapters.orthogonal import Butterfly, Orthogonal
from studio_engine.models.adapters.product import Product
from studio_engine.models.adapters.whole import Difference, Replaced

SIDES = st.integers(1, 6)
STRENGTHS = st.floats(-2, 2, allow_nan=False).map(lambda value: round(value, 3))


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + 31 * sum(shape)))


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@given(out=SIDES, width=SIDES, rank=SIDES, strength=STRENGTHS, alpha=st.floats(0.1, 8))
def test_lora_adds_the_product_scaled_by_alpha_and_rank(
    out: int, width: int, rank: int, strength: float, alpha: float
) -> None:
    weight, up, down = noise(out, width), noise(out, rank, seed=1), noise(rank, width, seed=2)
    expected = weight + strength * alpha / rank * torch.einsum("or,ri->oi", up, down)
    close(Added(LowRank(up, down, alpha)).applied(weight, strength), expected)


def test_without_alpha_the_product_is_added_as_it_is() -> None:
    up, down = noise(4, 2), noise(2, 3)
    close(Added(LowRank(up, down)).applied(torch.zeros(4, 3), 1.0), up @ down)


def test_a_convolution_takes_its_kernel_from_down() -> None:
    weight, up, down = noise(5, 4, 3, 3), noise(5, 2, 1, 1), noise(2, 4, 3, 3)
    expected = weight + torch.einsum("or,rikl->oikl", up[:, :, 0, 0], down)
    close(Added(LowRank(up, down)).applied(weight, 1.0), expected)


def test_a_core_puts_the_kernel_between_up_and_down() -> None:
    weight, up, down, core = noise(5, 4, 3, 3), noise(5, 2, 1, 1), noise(2, 4, 1, 1), noise(2, 2, 3, 3)
    expected = weight + torch.einsum("or,rskl,si->oikl", up[:, :, 0, 0], core, down[:, :, 0, 0])
    close(Added(LowRank(up, down, core=core)).applied(weight, 1.0), expected)


@given(out=SIDES, width=SIDES, rank=SIDES, strength=STRENGTHS)
def test_loha_multiplies_two_products_number_by_number(out: int, width: int, rank: int, strength: float) -> None:
    w1a, w2a = noise(out, rank, seed=1), noise(out, rank, seed=2)
    w1b, w2b = noise(rank, width, seed=3), noise(rank, width, seed=4)
    weight = noise(out, width)
    expected = weight + strength * 3.0 / rank * torch.einsum("or,ri,os,si->oi", w1a, w1b, w2a, w2b)
    close(Added(Hadamard(Product(w1a, w1b), Product(w2a, w2b), 3.0)).applied(weight, strength), expected)


def test_loha_with_cores_is_for_convolutions() -> None:
    weight = noise(5, 4, 3, 3)
    a, b, core = noise(2, 5), noise(2, 4), noise(2, 2, 3, 3)
    kernel = torch.einsum("rskl,si,ro->oikl", core, b, a)
    change = Added(Hadamard(Product(a, b, core), Product(a, b, core)))
    close(change.applied(weight, 1.0), weight + kernel * kernel)


@given(a=SIDES, b=SIDES, c=SIDES, d=SIDES, strength=STRENGTHS)
def test_lokr_is_a_kronecker_product(a: int, b: int, c: int, d: int, strength: float) -> None:
    first, second, weight = noise(a, b, seed=1), noise(c, d, seed=2), noise(a * c, b * d)
    product = torch.einsum("ab,cd->acbd", first, second).reshape(a * c, b * d)
    # alpha has no rank to be divided by where both blocks are whole
    close(Added(Kronecker(first, second, 7.0)).applied(weight, strength), weight + strength * product)


def test_lokr_scales_by_the_rank_of_the_second_product() -> None:
    first, second = Product(noise(2, 3), noise(3, 2)), Product(noise(4, 5), noise(5, 3))
    expected = 10.0 / 5 * torch.kron(first.left @ first.right, second.left @ second.right)
    close(Added(Kronecker(first, second, 10.0)).applied(torch.zeros(8, 6), 1.0), expected)


def test_lokr_with_a_core_is_for_convolutions() -> None:
    first, second = noise(2, 2), Product(noise(3, 4), noise(3, 5), noise(3, 3, 3, 3))
    kernel = torch.einsum("rskl,si,ro->oikl", second.core, second.right, second.left)
    expected = torch.einsum("ab,oikl->aobikl", first, kernel).reshape(8, 10, 3, 3)
    close(Added(Kronecker(first, second)).applied(torch.zeros(8, 10, 3, 3), 1.0), expected)


@given(strength=STRENGTHS)
def test_dora_gives_every_input_the_stored_length(strength: float) -> None:
    weight, up, down = noise(5, 4), noise(5, 2, seed=1), noise(2, 4, seed=2)
    magnitude = noise(1, 4, seed=3).abs()
    moved = weight + 0.5 * up @ down
    whole = moved * magnitude / moved.square().sum(0, keepdim=True).sqrt()
    change = Decomposed(LowRank(up, down, 1.0), magnitude)
    close(change.applied(weight, strength), weight + strength * (whole - weight))


def test_dora_per_output_divides_by_the_lengths_of_the_weight() -> None:
    weight, up, down = noise(5, 4), noise(5, 2, seed=1), noise(2, 4, seed=2)
    magnitude = noise(5, 1, seed=3).abs()
    expected = (weight + up @ down) * magnitude / weight.square().sum(1, keepdim=True).sqrt()
    close(Decomposed(LowRank(up, down), magnitude).applied(weight, 1.0), expected)


def test_dora_takes_a_kernels_length_over_its_cells() -> None:
    weight, magnitude = noise(5, 4, 3, 3), noise(1, 4, 1, 1).abs()
    change = Decomposed(Difference(torch.zeros(5, 4, 3, 3)), magnitude)
    lengths = change.applied(weight, 1.0).square().sum((0, 2, 3)).sqrt()
    close(lengths, magnitude.flatten())


def test_glora_also_turns_the_weight_itself() -> None:
    weight = noise(6, 4)
    a1, a2, b1, b2 = noise(4, 2), noise(2, 4), noise(6, 2), noise(2, 4, seed=9)
    expected = weight + 0.5 * (weight @ a1 @ a2 + b1 @ b2)
    close(Generalised(a1, a2, b1, b2, alpha=1.0).applied(weight, 1.0), expected)


def test_old_glora_has_its_factors_the_other_way_round() -> None:
    weight = noise(6, 4)
    a2, a1, b2, b1 = noise(4, 2), noise(2, 4), noise(6, 2), noise(2, 4, seed=9)
    close(Generalised(a1, a2, b1, b2).applied(weight, 1.0), weight + weight @ a2 @ a1 + b2 @ b1)


@given(count=st.integers(1, 4), size=st.integers(1, 4))
def test_oft_keeps_the_lengths_of_inputs(count: int, size: int) -> None:
    weight = noise(count * size, 3)
    turned = Orthogonal(noise(count, size, size, seed=5)).applied(weight, 1.0)
    close(turned.square().sum(0), weight.square().sum(0))


def test_oft_turns_by_the_cayley_transform() -> None:
    weight, blocks = noise(4, 3), noise(2, 2, 2)
    skew = blocks - blocks.transpose(1, 2)
    identity = torch.eye(2)
    rotations = [(identity + each) @ torch.linalg.inv(identity - each) for each in skew]
    expected = torch.cat([rotation.T @ rows for rotation, rows in zip(rotations, weight.split(2), strict=True)])
    close(Orthogonal(blocks).applied(weight, 1.0), expected)


def test_a_bound_shortens_the_rotation() -> None:
    weight, blocks = noise(4, 3), noise(2, 2, 2)
    free, bound = Orthogonal(blocks), Orthogonal(blocks, bound=0.1)
    assert (bound.applied(weight, 1.0) - weight).norm() < 0.3 * (free.applied(weight, 1.0) - weight).norm()


@given(factors=st.integers(1, 3))
def test_boft_keeps_the_lengths_of_inputs(factors: int) -> None:
    weight = noise(16, 3)
    change = Butterfly(noise(factors, 4, 4, 4, seed=5))
    close(change.applied(weight, 1.0).square().sum(0), weight.square().sum(0))


def test_boft_pairs_outputs_that_lie_apart() -> None:
    # Q of the second factor alone; pairs are then (0, 4), (1, 5), … of halves that lie two blocks apart
    weight = torch.eye(8)
    blocks = torch.zeros(2, 4, 2, 2)
    blocks[1] = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    moved = (Butterfly(blocks).applied(weight, 1.0) - weight).abs().sum(1) > 1e-6
    assert bool(moved.all())
    mixed = Butterfly(blocks).applied(weight, 1.0)
    assert mixed[0, 2].abs() > 0.5
    assert mixed[0, 1].abs() < 1e-6


def test_a_replaced_weight_is_the_stored_one() -> None:
    value = noise(3)
    close(Replaced(value).applied(torch.zeros(3), 0.3), value)


CHANGES: list[tuple[Change, tuple[int, ...]]] = [
    (Added(LowRank(noise(6, 2), noise(2, 4))), (6, 4)),
    (Added(Hadamard(Product(noise(6, 2), noise(2, 4)), Product(noise(6, 2), noise(2, 4)))), (6, 4)),
    (Added(Kronecker(noise(2, 2), noise(3, 2))), (6, 4)),
    (Decomposed(LowRank(noise(6, 2), noise(2, 4)), noise(1, 4).abs()), (6, 4)),
    (Generalised(noise(4, 2), noise(2, 4), noise(6, 2), noise(2, 4)), (6, 4)),
    (Orthogonal(noise(3, 2, 2)), (6, 4)),
    (Butterfly(noise(1, 3, 2, 2)), (6, 4)),
    (Replaced(noise(6, 4)), (6, 4)),
    (AddedPart(LowRank(noise(12, 2), noise(2, 4)), lambda stored: stored[6:]), (6, 4)),
]
KINDS = pytest.mark.parametrize(("change", "shape"), CHANGES, ids=lambda value: type(value).__name__)


@KINDS
def test_no_strength_changes_nothing(change: Change, shape: tuple[int, ...]) -> None:
    weight = noise(*shape, seed=8)
    torch.testing.assert_close(change.applied(weight, 0.0), weight, rtol=1e-6, atol=1e-6)


@KINDS
def test_the_given_weight_stays_as_it_is(change: Change, shape: tuple[int, ...]) -> None:
    weight = noise(*shape, seed=8)
    before = weight.clone()
    assert not torch.equal(change.applied(weight, 1.0), before)
    assert torch.equal(weight, before)


@KINDS
def test_sizes_are_checked_without_memory(change: Change, shape: tuple[int, ...]) -> None:
    result = change.applied(torch.empty(shape, device="meta"), 1.0)
    assert result.is_meta
    assert result.shape == shape
    with pytest.raises((RuntimeError, ValueError)):
        change.applied(torch.empty((7, 5), device="meta"), 1.0)


def test_part_of_a_fused_change_goes_to_its_rows() -> None:
    up, down, weight = noise(9, 2), noise(2, 4), noise(3, 4, seed=6)
    change = AddedPart(LowRank(up, down), lambda stored: stored[3:6])
    close(change.applied(weight, 2.0), weight + 2.0 * (up @ down)[3:6])


@given(strengths=st.lists(STRENGTHS, min_size=2, max_size=4))
def test_added_changes_can_be_stacked_in_any_order(strengths: list[float]) -> None:
    changes = [Added(LowRank(noise(6, 2, seed=i), noise(2, 4, seed=i + 50))) for i in range(len(strengths))]

    def stacked(order: list[int]) -> Tensor:
        weight = noise(6, 4)
        for i in order:
            weight = changes[i].applied(weight, strengths[i])
        return weight

    order = list(range(len(strengths)))
    close(stacked(order), stacked(order[::-1]))


def test_the_order_of_decomposed_changes_counts() -> None:
    first = Decomposed(LowRank(noise(6, 2), noise(2, 4)), noise(1, 4).abs())
    second = Added(LowRank(noise(6, 2, seed=3), noise(2, 4, seed=4)))
    weight = noise(6, 4)
    one = second.applied(first.applied(weight, 1.0), 1.0)
    other = first.applied(second.applied(weight, 1.0), 1.0)
    assert (one - other).abs().max() > 0.1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_stored_precision_is_widened_before_it_is_used(dtype: torch.dtype) -> None:
    up, down = noise(6, 2).to(dtype), noise(2, 4).to(dtype)
    result = Added(LowRank(up, down)).applied(torch.zeros(6, 4), 1.0)
    assert result.dtype is torch.float32
    assert torch.equal(result, up.float() @ down.float())

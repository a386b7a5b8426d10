"""Nodes that change latents, one cell at a time."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.sampling.model import Latent
from tests.nodes.node_runner import one
from tests.nodes.test_conditioning_nodes import CellMeans


def latent(*shape, seed=0, **changes):
    return Latent(torch.randn(shape, generator=torch.Generator().manual_seed(seed)), **changes)


def numbered(rows):
    """Every row holds its number."""
    return Latent(torch.arange(float(rows)).view(-1, 1, 1, 1).expand(rows, 4, 8, 8))


def rows_of(batch):
    return batch.samples[:, 0, 0, 0].tolist()


ROWS = st.integers(1, 6)


@given(ROWS, st.integers(0, 8), st.integers(1, 8))
def test_rows_of_a_batch_keep_their_numbers(rows, first, count):
    part = one("LatentFromBatch", samples=numbered(rows), batch_index=first, length=count)
    wanted = list(range(rows))[min(first, rows - 1) :][:count]
    assert rows_of(part) == wanted
    assert list(part.batch_index) == wanted


def test_masks_go_along_with_their_rows():
    masked = Latent(numbered(4).samples, mask=torch.arange(2.0).view(2, 1, 1, 1))
    part = one("LatentFromBatch", samples=masked, batch_index=2, length=2)
    assert part.mask.flatten().tolist() == [0, 1]
    twice = one("RepeatLatentBatch", samples=masked, amount=2)
    assert twice.mask.flatten().tolist() == [0, 1] * 4


def test_repeated_rows_get_numbers_of_their_own_where_they_are_numbered():
    assert one("RepeatLatentBatch", samples=numbered(2), amount=3).batch_index is None
    counted = Latent(numbered(2).samples, (4, 6))
    assert one("RepeatLatentBatch", samples=counted, amount=3).batch_index == (4, 6, 7, 9, 10, 12)


def test_joined_batches_are_as_large_as_the_first():
    joined = one("LatentBatch", samples1=numbered(2), samples2=latent(1, 4, 4, 12, batch_index=(9,)))
    assert joined.samples.shape == (3, 4, 8, 8)
    assert joined.batch_index == (0, 1, 9)


@given(st.lists(ROWS, min_size=1, max_size=4), st.integers(1, 7))
def test_rebatched_rows_are_all_there_in_order(rows, size):
    batches = one("RebatchLatents", latents=[numbered(each) for each in rows], batch_size=[size])
    assert [each.samples.shape[0] for each in batches[:-1]] == [size] * (len(batches) - 1)
    assert [row for each in batches for row in rows_of(each)] == [row for each in rows for row in range(each)]
    assert [number for each in batches for number in each.batch_index] == list(range(sum(rows)))


def test_rows_of_another_size_begin_a_batch():
    batches = one(
        "RebatchLatents", latents=[latent(1, 4, 8, 8), latent(1, 4, 4, 4), latent(1, 4, 4, 4)], batch_size=[3]
    )
    assert [tuple(each.samples.shape) for each in batches] == [(1, 4, 8, 8), (2, 4, 4, 4)]
    assert batches[0].mask is None


def test_a_batch_may_share_one_noise():
    counted = Latent(numbered(3).samples, (5, 6, 7))
    assert one("LatentBatchSeedBehavior", samples=counted).batch_index == (5, 5, 5)
    assert one("LatentBatchSeedBehavior", samples=counted, seed_behavior="random").batch_index is None


def test_latents_are_added_at_the_size_of_the_first():
    first, second = latent(2, 4, 8, 8), latent(1, 4, 8, 8, seed=1)
    assert torch.equal(one("LatentAdd", samples1=first, samples2=second).samples, first.samples + second.samples)
    taken = one("LatentSubtract", samples1=first, samples2=second).samples
    assert torch.equal(taken, first.samples - second.samples)
    assert one("LatentAdd", samples1=first, samples2=latent(1, 4, 4, 4)).samples.shape == (2, 4, 8, 8)
    assert torch.equal(one("LatentMultiply", samples=first, multiplier=-2.0).samples, first.samples * -2)


@given(st.floats(0.0, 1.0))
def test_interpolated_latents_have_lengths_between(share):
    first, second = latent(2, 4, 8, 8), latent(2, 4, 8, 8, seed=1)
    mixed = one("LatentInterpolate", samples1=first, samples2=second, ratio=share).samples
    lengths = [each.norm(dim=1) for each in (first.samples, second.samples, mixed)]
    torch.testing.assert_close(lengths[2], share * lengths[0] + (1 - share) * lengths[1])


def test_at_the_ends_latents_are_one_of_the_two():
    first, second = latent(1, 4, 8, 8), latent(1, 4, 8, 8, seed=1)
    for share, expected in ((1.0, first), (0.0, second)):
        mixed = one("LatentInterpolate", samples1=first, samples2=second, ratio=share)
        torch.testing.assert_close(mixed.samples, expected.samples)
        blended = one("LatentBlend", samples1=first, samples2=second, blend_factor=share)
        torch.testing.assert_close(blended.samples, expected.samples)


@pytest.mark.parametrize(
    ("dim", "shape", "first"), [("x", (8, 16), 1), ("-x", (8, 16), 2), ("y", (16, 8), 1), ("-y", (16, 8), 2)]
)
def test_latents_stand_side_by_side(dim, shape, first):
    ones, twos = Latent(torch.ones(2, 4, 8, 8)), Latent(torch.full((1, 4, 8, 8), 2.0))
    joined = one("LatentConcat", samples1=ones, samples2=twos, dim=dim).samples
    assert joined.shape == (2, 4, *shape)
    assert joined[0, 0, 0, 0] == first


@pytest.mark.parametrize(
    ("index", "amount", "columns"), [(2, 3, [2, 3, 4]), (-2, 5, [6, 7]), (99, 1, [7]), (-99, 2, [0, 1])]
)
def test_a_strip_is_cut_from_either_end(index, amount, columns):
    wide = Latent(torch.arange(8.0).expand(1, 4, 8, 8))
    assert one("LatentCut", samples=wide, dim="x", index=index, amount=amount).samples[0, 0, 0].tolist() == columns


def test_tonemapping_softens_strong_values_most():
    samples = torch.full((1, 4, 8, 8), 0.1)
    samples[..., 0, 0] = 10.0
    operation = one("LatentOperationTonemapReinhard", multiplier=1.0)
    softened = one("LatentApplyOperation", samples=Latent(samples), operation=operation).samples
    share = softened / samples
    assert share[0, 0, 0, 0] < 0.6 < share[0, 0, 5, 5]
    assert torch.isfinite(one("LatentOperationTonemapReinhard", multiplier=0.0)(samples)).all()


def test_sharpening_keeps_even_latents_and_raises_contrast():
    operation = one("LatentOperationSharpen", sharpen_radius=2)
    even = torch.full((1, 4, 8, 8), 2.0)
    torch.testing.assert_close(operation(even), even, rtol=1e-4, atol=1e-4)
    odd = latent(1, 4, 16, 16).samples
    assert operation(odd).std() > odd.std()
    assert one("LatentOperationSharpen", sharpen_radius=31)(odd).shape == odd.shape


@pytest.mark.parametrize(
    ("width", "height", "cells"),
    [(128, 256, (32, 16)), (0, 0, (8, 16)), (256, 0, (16, 32)), (0, 256, (32, 64)), (8, 8, (8, 8))],
)
def test_latents_are_resized_to_pixels(width, height, cells):
    resized = one("LatentUpscale", samples=latent(1, 4, 8, 16), width=width, height=height)
    assert resized.samples.shape[2:] == cells


def test_latents_are_resized_turned_and_mirrored():
    samples = torch.arange(4.0).view(1, 1, 2, 2)
    grown = one("LatentUpscaleBy", samples=Latent(samples), scale_by=2.0)
    assert grown.samples.shape == (1, 1, 4, 4)
    turned = one("LatentRotate", samples=Latent(samples), rotation="90 degrees")
    assert turned.samples.flatten().tolist() == [2, 0, 3, 1]
    assert one("LatentFlip", samples=Latent(samples)).samples.flatten().tolist() == [2, 3, 0, 1]
    across = one("LatentFlip", samples=Latent(samples), flip_method="y-axis: horizontally")
    assert across.samples.flatten().tolist() == [1, 0, 3, 2]


def test_a_crop_stays_within_the_latents():
    cropped = one("LatentCrop", samples=latent(1, 4, 16, 16), width=64, height=64, x=8000, y=16)
    assert torch.equal(cropped.samples, latent(1, 4, 16, 16).samples[..., 2:10, 8:16])
    assert one("LatentCrop", samples=latent(1, 4, 4, 4), width=64, height=64, x=8).samples.shape == (1, 4, 4, 4)


def test_composed_latents_fade_only_inside():
    below, above = Latent(torch.zeros(2, 4, 8, 8)), Latent(torch.ones(1, 4, 4, 4))
    hard = one("LatentComposite", samples_to=below, samples_from=above, x=16, y=0).samples
    assert hard[1, 0].sum() == 16
    assert hard[1, 0, :4, 2:6].all()
    soft = one("LatentComposite", samples_to=below, samples_from=above, x=16, y=0, feather=16).samples
    # At the picture's upper edge nothing fades.
    assert soft[0, 0, 0, 2:6].tolist() == [0.5, 1.0, 1.0, 0.5]
    assert soft[0, 0, :4, 3].tolist() == [1.0, 1.0, 1.0, 0.5]
    assert not one("LatentComposite", samples_to=below, samples_from=above, x=800).samples.any()


def test_a_mask_says_what_is_laid_over():
    below, above = Latent(torch.zeros(1, 4, 8, 8)), Latent(torch.ones(1, 4, 4, 4))
    mask = torch.zeros(1, 8, 8)
    mask[..., :4] = 1.0
    laid = one("LatentCompositeMasked", destination=below, source=above, x=8, y=8, mask=mask).samples
    assert laid[0, 0, 1, 1] == 1.0
    assert laid[0, 0, 1, 4] == 0.0
    assert one("LatentCompositeMasked", destination=below, source=above, resize_source=True).samples.all()


def test_a_mask_says_what_is_drawn_anew():
    masked = one("SetLatentNoiseMask", samples=numbered(2), mask=torch.ones(16, 16))
    assert masked.mask.shape == (1, 1, 16, 16)


@given(st.integers(0, 12))
def test_the_masked_part_is_grey_and_its_mask_grows(pixels):
    mask = torch.zeros(1, 32, 32)
    mask[..., 16, 16] = 1.0
    vae = CellMeans()
    encoded = one("VAEEncodeForInpaint", pixels=torch.ones(1, 32, 32, 3), vae=vae, mask=mask, grow_mask_by=pixels)
    assert vae.seen[0][0, 16, 16].tolist() == [0.5, 0.5, 0.5]
    assert vae.seen[0].sum() == 32 * 32 * 3 - 1.5
    assert encoded.mask.sum() == max(1, pixels**2)
    assert set(encoded.mask.unique().tolist()) == {0.0, 1.0}


def test_pictures_are_cut_to_whole_cells_around_the_middle():
    vae = CellMeans()
    encoded = one("VAEEncodeForInpaint", pixels=torch.rand(1, 21, 35, 3), vae=vae, mask=torch.zeros(1, 21, 35))
    assert encoded.mask.shape == (1, 1, 16, 32)
    assert vae.seen[0].shape == (1, 16, 32, 3)


@pytest.mark.parametrize(("node", "channels"), [("EmptyLatentImage", 4), ("EmptySD3LatentImage", 16)])
def test_empty_latents_have_the_model_s_channels(node, channels):
    assert one(node, width=64, height=128, batch_size=2).samples.shape == (2, channels, 16, 8)

"""Latents put together, taken apart and laid over each other. Masks and noise numbers go along with their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from studio_engine.imaging.batches import repeat_to
from studio_engine.imaging.resize import resize
from studio_engine.runtime.memory import check_fits
from studio_engine.sampling.inpaint import latent_mask
from studio_engine.sampling.model import Latent


def like(target: Tensor, samples: Tensor) -> Tensor:
    """`samples` at the size of `target`, both `[batch, channels, h, w]`: bilinear, the middle where aspects differ."""
    if samples.shape[1:] == target.shape[1:]:
        return samples
    return resize(samples, target.shape[-1], target.shape[-2], method="bilinear", crop="center")


def noise_numbers(latent: Latent) -> tuple[int, ...]:
    """Which row of the seed's noise each row takes."""
    return tuple(range(latent.samples.shape[0])) if latent.batch_index is None else latent.batch_index


def rows_from(latent: Latent, first: int, count: int) -> Latent:
    """`count` rows from `first` on, with what they would be drawn with in the whole batch; at least the last row."""
    total = latent.samples.shape[0]
    first = min(total - 1, first)
    rows = slice(first, first + min(total - first, count))
    return Latent(latent.samples[rows], noise_numbers(latent)[rows], _mask_rows(latent, rows))


def repeated_batch(latent: Latent, times: int) -> Latent:
    """The whole batch several times over; where rows are numbered, every copy gets numbers of its own.

    Raises `engine.out_of_memory` before it makes what cannot fit.
    """
    check_fits(latent.samples.numel() * latent.samples.element_size() * times, latent.samples.device)
    numbers = latent.batch_index
    if numbers:
        span = max(numbers) - min(numbers) + 1
        numbers = tuple(number + copy * span for copy in range(times) for number in numbers)
    mask = latent.mask
    if mask is not None and mask.shape[0] > 1:
        mask = torch.cat([repeat_to(mask, latent.samples.shape[0])] * times)
    return Latent(torch.cat([latent.samples] * times), numbers, mask)


def joined_batch(first: Latent, second: Latent) -> Latent:
    """The rows of both, at the first one's size and with its mask."""
    samples = torch.cat([first.samples, like(first.samples, second.samples)])
    return replace(first, samples=samples, batch_index=noise_numbers(first) + noise_numbers(second))


def rebatched(latents: Sequence[Latent], size: int) -> list[Latent]:
    """All rows in batches of `size`; rows of another height or width begin a new batch."""
    rows = list(_single_rows(latents))
    batches: list[list[Latent]] = []
    for row in rows:
        is_continued = batches and len(batches[-1]) < size and batches[-1][0].samples.shape == row.samples.shape
        if is_continued:
            batches[-1].append(row)
        else:
            batches.append([row])
    return [_batch(batch) for batch in batches]


def composite(base: Tensor, top: Tensor, *, place: tuple[int, int], feather: int) -> Tensor:
    """`top` at a column and row of `base`, fading over `feather` cells where it ends inside of it."""
    (x, y), (height, width) = place, base.shape[-2:]
    top = top[..., : max(0, height - y), : max(0, width - x)]
    result = base.clone()
    covered = result[..., y : y + top.shape[-2], x : x + top.shape[-1]]
    down = _ramp(top.shape[-2], feather, starts=y != 0, ends=y + top.shape[-2] < height)
    across = _ramp(top.shape[-1], feather, starts=x != 0, ends=x + top.shape[-1] < width)
    weight = down[:, None] * across
    covered.copy_(repeat_to(top, base.shape[0]) * weight + covered * (1 - weight))
    return result


def _ramp(length: int, feather: int, *, starts: bool, ends: bool) -> Tensor:
    weight = torch.ones(length)
    soft = min(feather, length)
    steps = (torch.arange(soft) + 1) / max(feather, 1)
    if starts:
        weight[:soft] *= steps
    if ends:
        weight[length - soft :] *= steps.flip(0)
    return weight


def _mask_rows(latent: Latent, rows: slice) -> Tensor | None:
    if latent.mask is None or latent.mask.shape[0] == 1:
        return latent.mask
    return repeat_to(latent.mask, latent.samples.shape[0])[rows]


def _single_rows(latents: Sequence[Latent]) -> Sequence[Latent]:
    rows: list[Latent] = []
    for latent in latents:
        numbers = latent.batch_index or tuple(range(len(rows), len(rows) + latent.samples.shape[0]))
        mask = None if latent.mask is None else latent_mask(latent.mask, latent.samples)
        for row, number in enumerate(numbers):
            own = None if mask is None else mask[row : row + 1]
            rows.append(Latent(latent.samples[row : row + 1], (number,), own))
    return rows


def _batch(rows: Sequence[Latent]) -> Latent:
    masks = [torch.ones_like(row.samples[:, :1]) if row.mask is None else row.mask for row in rows]
    has_mask = any(row.mask is not None for row in rows)
    return Latent(
        torch.cat([row.samples for row in rows]),
        tuple(number for row in rows for number in row.batch_index or ()),
        torch.cat(masks) if has_mask else None,
    )

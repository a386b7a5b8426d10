"""Writes a contact sheet of a run in training: one picture per prompt, in rows."""

import argparse
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from .checkpoint import Trained, load_trained
from .sampler import Settings, draw

# The forty common nouns that the model card reports on.
NOUNS = (
    "apple",
    "cat",
    "house",
    "rocket",
    "pizza",
    "tree",
    "car",
    "heart",
    "dog",
    "sun",
    "moon",
    "star",
    "flower",
    "fish",
    "bird",
    "bus",
    "airplane",
    "boat",
    "train",
    "bicycle",
    "banana",
    "strawberry",
    "carrot",
    "cake",
    "hamburger",
    "umbrella",
    "book",
    "guitar",
    "balloon",
    "crown",
    "clock",
    "key",
    "ghost",
    "robot",
    "mushroom",
    "butterfly",
    "penguin",
    "snowman",
    "castle",
    "elephant",
)


def sheet(pictures: Tensor, columns: int) -> Image.Image:
    """[n, 3, h, w] in 0..1 -> one picture; n must be a multiple of columns."""
    rows = [torch.cat(list(row), 2) for row in torch.split(pictures, columns)]
    pixels = (torch.cat(rows, 1) * 255).round().byte().permute(1, 2, 0)
    return Image.fromarray(pixels.numpy())


def draw_all(trained: Trained, prompts: list[str], settings: Settings) -> Tensor:
    """[n, 3, size, size] in 0..1, computed eight at a time."""
    return torch.cat([draw(trained, prompts[start : start + 8], settings) for start in range(0, len(prompts), 8)])


def noun_prompts() -> list[str]:
    return [f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}" for noun in NOUNS]


def write_noun_sheet(folder: Path, file: Path, size_px: int) -> None:
    """The forty nouns in five rows, in the order of NOUNS."""
    sheet(draw_all(load_trained(folder), noun_prompts(), Settings(size_px=size_px)), 8).save(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="working folder of a run")
    parser.add_argument("file", type=Path)
    parser.add_argument("prompts", nargs="*", help="default: forty common nouns")
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=6.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    prompts = given.prompts or noun_prompts()
    settings = Settings(given.steps, given.guidance, given.size, given.seed)
    pictures = draw_all(load_trained(given.folder), prompts, settings)
    padding = -len(pictures) % given.columns
    blank = torch.ones(padding, *pictures.shape[1:])
    sheet(torch.cat([pictures, blank]), given.columns).save(given.file)


if __name__ == "__main__":
    main()

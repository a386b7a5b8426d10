"""Opens text encoders as handles, from checkpoints and from files of their own: reads headers only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_header
from studio_engine.errors import EngineError
from studio_engine.models.files import ModelFile
from studio_engine.models.parts import PartRef
from studio_engine.models.text import recipes
from studio_engine.models.text.layout import find_clip, find_t5
from studio_engine.models.text.recipes import TextRecipe
from studio_engine.models.text.stack import TextSource, TextStack

_CLIP_PARTS: Final = ("clip_l", "clip_h", "clip_g")
# Which CLIP a file holds shows in the number of its layers: L has 12, H 24 (or 23), G 32.
_MIN_LAYERS: Final = {"clip_g": 31, "clip_h": 23}
# CLIPLoader's types whose models this engine runs.
_TYPES: Final = ("stable_diffusion", "sdxl", "sd3", "flux")


def text_parts(header: SafetensorsHeader, parts: Iterable[str]) -> tuple[str, ...]:
    """Those of a family's text encoders that its checkpoint holds."""
    return tuple(part for part in parts if _holds(header, part))


def checkpoint_text(source: TextSource, refs: Sequence[PartRef], family: str) -> TextStack:
    """Of a checkpoint; `encode` says what to do where it holds no text encoder."""
    return TextStack(source, recipes.RECIPES[family], tuple(refs))


def open_text(source: TextSource, files: Sequence[ModelFile], clip_type: str) -> TextStack:
    """Of files of one encoder each, in any order; `clip_type` as CLIPLoader has it.

    Raises `model.family_unknown` for files or types that this engine knows no model for.
    """
    if clip_type not in _TYPES:
        raise EngineError(
            "model.family_unknown",
            f"This engine has no model that reads text encoders of the type {clip_type}; choose {', '.join(_TYPES)}.",
        )
    found = [part_of(read_header(file.path)) for file in files]
    parts = dict(zip(found, files, strict=True))
    recipe = recipe_for(clip_type, parts)
    wanted = [rules.part for rules in recipe.encoders]
    is_lacking = recipe.needs_all and not set(wanted) <= set(parts)
    if is_lacking or len(parts) < len(files) or not set(parts) <= set(wanted):
        raise EngineError(
            "model.family_unknown",
            f"{' and '.join(file.name for file in files)} hold {' and '.join(found)}; "
            f"{recipe.name} reads {' and '.join(wanted)}. Choose other files or another type.",
        )
    # One name for all families, so that SD3 and Flux share a T5 in memory.
    refs = tuple(PartRef((parts[part],), part, "text") for part in wanted if part in parts)
    return TextStack(source, recipe, refs)


def part_of(header: SafetensorsHeader) -> str:
    """Which encoder a file of its own holds. Raises `model.family_unknown` for none that we know."""
    if find_t5(header) is not None:
        return "t5xxl"
    layout = next((found for part in _CLIP_PARTS if (found := find_clip(header, part))), None)
    if layout is None:
        raise EngineError(
            "model.family_unknown",
            f"{header.path.name} is no text encoder that this engine knows; it runs CLIP L, H and G, and T5 XXL.",
        )
    return next((part for part, least in _MIN_LAYERS.items() if layout.layers >= least), "clip_l")


def recipe_for(clip_type: str, parts: Collection[str]) -> TextRecipe:
    """As ComfyUI does, the encoders decide where the type does not."""
    if clip_type == "sd3":
        return recipes.SD3
    if clip_type == "flux":
        return recipes.FLUX
    if len(parts) > 1:
        return recipes.SDXL
    return {"clip_g": recipes.SDXL_REFINER, "clip_h": recipes.SD2}.get(next(iter(parts), ""), recipes.SD1)


def _holds(header: SafetensorsHeader, part: str) -> bool:
    found = find_t5(header) if part == "t5xxl" else find_clip(header, part)
    return found is not None

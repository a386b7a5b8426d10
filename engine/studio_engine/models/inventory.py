"""The model files on this machine: the starter model and the operator's models folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.errors import EngineError
from studio_engine.models.describe import describe
from studio_engine.models.files import ModelFile, ModelKind
from studio_engine.models.pipelines import Pipeline, scan_pipelines
from studio_engine.models.vae.open import built_in_vaes

log = logging.getLogger(__name__)

# ComfyUI's keys, which are folders' names too.
_FOLDERS: Final[Mapping[ModelKind, str]] = {
    "checkpoint": "checkpoints",
    "lora": "loras",
    "vae": "vae",
    "text_encoder": "text_encoders",
    "diffusion_model": "diffusion_models",
    "controlnet": "controlnet",
    "embedding": "embeddings",
    "clip_vision": "clip_vision",
    "style_model": "style_models",
    "upscale_model": "upscale_models",
    "hypernetwork": "hypernetworks",
    "gligen": "gligen",
    "vae_approx": "vae_approx",
    "photomaker": "photomaker",
    "model_patch": "model_patches",
    "background_removal": "background_removal",
    "ip_adapter": "ipadapter",
}
# Older names of the same folders.
_OLD_FOLDERS: Final[Mapping[ModelKind, str]] = {"text_encoder": "clip", "diffusion_model": "unet"}
# Settings that ComfyUI ships for old checkpoints; here all is read from the weights, and old workflows stay valid.
_CONFIGS: Final = (
    "anything_v3.yaml",
    *("v1-inference.yaml", "v1-inference_clip_skip_2.yaml", "v1-inference_clip_skip_2_fp16.yaml"),
    *("v1-inference_fp16.yaml", "v1-inpainting-inference.yaml"),
    *("v2-inference-v.yaml", "v2-inference-v_fp32.yaml", "v2-inference.yaml", "v2-inference_fp32.yaml"),
    "v2-inpainting-inference.yaml",
)
# PyTorch's formats are read without running the programs that they can carry.
_PICKLED = (".ckpt", ".pt", ".pth", ".bin")
# Of a name in a sentence: a graph may ask for any text.
_MAX_NAME: Final = 200


@dataclass(frozen=True)
class Inventory:
    files: tuple[ModelFile, ...]
    pipelines: tuple[Pipeline, ...] = ()
    """Models in diffusers' folders."""

    def find(self, kind: ModelKind, name: str) -> ModelFile:
        """Raises `model.file_missing`, or the reason why the file cannot be used."""
        for file in self.files:
            if file.kind == kind and file.name == name:
                if file.problem is not None:
                    raise EngineError(file.problem.code, file.problem.message)
                return file
        raise EngineError(
            "model.file_missing",
            f"There is no {kind} named {name[:_MAX_NAME]} on the engine; "
            f"put it into {_FOLDERS[kind]}/ and restart the engine.",
        )

    def find_pipeline(self, name: str) -> Pipeline:
        """Raises `model.file_missing`."""
        for pipeline in self.pipelines:
            if pipeline.name == name:
                return pipeline
        raise EngineError(
            "model.file_missing",
            f"There is no folder {name[:_MAX_NAME]} in diffusers/ on the engine; put it there and restart.",
        )

    def list_files(self, folder: str) -> Sequence[str] | None:
        """Names of the usable files in one of ComfyUI's folders; None for folders that hold no models."""
        if folder == "configs":
            return _CONFIGS
        if folder == "diffusers":
            return [pipeline.name for pipeline in self.pipelines]
        kind = next((kind for kind, name in _FOLDERS.items() if name == folder), None)
        if kind is None:
            return None
        names = [file.name for file in self.files if file.kind == kind and file.problem is None]
        return [*names, *built_in_vaes(self.list_files("vae_approx") or ())] if kind == "vae" else names

    def digest(self, folder: str, name: str) -> str | None:
        """SHA-256 of a file's content, for cache keys; None when there is no such file."""
        if folder == "diffusers":
            return next((pipeline.digest for pipeline in self.pipelines if pipeline.name == name), None)
        kind = next((kind for kind, known in _FOLDERS.items() if known == folder), None)
        return next((file.sha256 for file in self.files if file.kind == kind and file.name == name), None)


def make_folders(models_dir: Path) -> None:
    """Empty folders show people where files go; a folder that cannot be written to may be meant so."""
    try:
        for folder in (*_FOLDERS.values(), "diffusers"):
            (models_dir / folder).mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        log.info("%s stays as it is: %s", models_dir, cause)


def scan_models(starter_dir: Path, models_dir: Path, digests: DigestCache) -> Inventory:
    """The starter's files come first; a file of the operator with the same name replaces the starter's."""
    found: dict[tuple[ModelKind, str], Path] = {}
    for path in sorted(starter_dir.glob("*.safetensors")):
        found["checkpoint", path.name] = path
    for kind, folder in (*_OLD_FOLDERS.items(), *_FOLDERS.items()):
        root = models_dir / folder
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix.lower() in (".safetensors", *_PICKLED):
                found[kind, path.relative_to(root).as_posix()] = path
    files = []
    for (kind, name), path in found.items():
        try:
            files.append(describe(kind, name, path, digests=digests))
        except OSError as cause:
            log.warning("%s cannot be read: %s", path, cause)
    return Inventory(tuple(files), scan_pipelines(models_dir / "diffusers", digests))

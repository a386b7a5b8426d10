"""The node catalogue in the shape of ComfyUI's `GET /object_info`."""

from __future__ import annotations

from typing import Final

from studio_engine.graph.inputs import ListFiles
from studio_engine.graph.node import NodeSpec, Registry

_THIRD_SCHEMA_MODULES: Final = frozenset(
    f"comfy_extras.nodes_{name}"
    for name in (
        "advanced_samplers",
        "align_your_steps",
        "audio_encoder",
        "camera_trajectory",
        "compositing",
        "context_windows",
        "flux",
        "hidream",
        "latent",
        "lora_extract",
        "lumina2",
        "model_downscale",
        "morphology",
        "optimalsteps",
        "photomaker",
        "post_processing",
        "primitive",
        "sd3",
        "slg",
        "string",
        "torch_compile",
        "upscale_model",
        "video",
    )
)
"""Modules that ComfyUI declares with its third schema, which names combos and says more."""


def object_info(nodes: Registry, list_files: ListFiles) -> dict[str, dict[str, object]]:
    return {name: _entry(cls.spec, list_files) for name, cls in nodes.items()}


def _entry(spec: NodeSpec, list_files: ListFiles) -> dict[str, object]:
    is_third_schema = spec.module in _THIRD_SCHEMA_MODULES
    groups: dict[str, dict[str, object]] = {"required": {}}
    for name, each in spec.inputs.items():
        group = groups.setdefault("required" if each.is_required else "optional", {})
        group[name] = each.as_comfy(list_files, are_combos_named=is_third_schema)
    if spec.hidden:
        groups["hidden"] = dict(spec.hidden)
    entry: dict[str, object] = {
        "input": groups,
        "input_order": {group: list(names) for group, names in groups.items()},
        "output": [output.type for output in spec.outputs],
        "output_is_list": [output.is_list for output in spec.outputs],
        "output_name": [output.name or output.type for output in spec.outputs],
        "name": spec.name,
        "display_name": spec.title,
        "description": spec.description,
        "python_module": spec.module,
        "category": spec.category,
        "output_node": spec.is_output,
    }
    if any(output.tooltip for output in spec.outputs):
        entry["output_tooltips"] = [output.tooltip for output in spec.outputs]
    # The older schema mentions these only where they hold.
    if spec.is_deprecated or is_third_schema:
        entry["deprecated"] = spec.is_deprecated
    if spec.is_experimental or is_third_schema:
        entry["experimental"] = spec.is_experimental
    if is_third_schema:
        entry["api_node"] = False
    return entry

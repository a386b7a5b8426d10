"""From the engine's own words to the contract's."""

from __future__ import annotations

from studio_engine.graph.inputs import ListFiles
from studio_engine.graph.node import Registry
from studio_engine.graph.object_info import object_info
from studio_engine.lease import contract
from studio_engine.models.files import ModelDefaults, ModelFile
from studio_engine.models.inventory import Inventory


def node_catalogue(nodes: Registry, list_files: ListFiles) -> contract.NodeCatalogue:
    """ComfyUI's object_info, and which inputs a node judges itself, so that the api does not."""
    catalogue = object_info(nodes, list_files)
    for name, cls in nodes.items():
        if cls.spec.checks:
            catalogue[name]["checked_inputs"] = sorted(cls.spec.checks)
    return catalogue


def engine_models(inventory: Inventory) -> list[contract.EngineModel]:
    return [_engine_model(file) for file in inventory.files]


def _engine_model(file: ModelFile) -> contract.EngineModel:
    return contract.EngineModel(
        name=file.name,
        title=file.title,
        kind=file.kind,
        family=file.family,
        sha256=file.sha256,
        size_bytes=file.size_bytes,
        license=file.license,
        defaults=None if file.defaults is None else _defaults(file.defaults),
        problem=None if file.problem is None else file.problem.message,
    )


def _defaults(defaults: ModelDefaults) -> contract.EngineModelDefaults:
    return contract.EngineModelDefaults(
        width=defaults.width,
        height=defaults.height,
        steps=defaults.steps,
        cfg=defaults.cfg,
        sampler=defaults.sampler,
        scheduler=defaults.scheduler,
    )

"""Nodes that mix two models with a ratio for each block."""

from collections.abc import Iterable, Mapping
from typing import Final

from studio_engine.graph.inputs import by_name
from studio_engine.graph.node import Node, Output, node
from studio_engine.graph.sockets import Model, NodeContext
from studio_engine.models.merge import merged_models
from studio_engine.nodes.merging import blend, share, to_change, to_mix_in

_CATEGORY = "advanced/model_merging/model_specific"
_MODULE = "comfy_extras.nodes_model_merging_model_specific"
_MODEL = (Output("MODEL", tooltip="The first model with the merged weights."),)


def _numbered(name: str, count: int, end: str = ".") -> Iterable[str]:
    return (f"{name}.{number}{end}" for number in range(count))


def _unet_blocks(count: int, end: str = ".") -> tuple[str, ...]:
    return (
        *("time_embed.", "label_emb."),
        *_numbered("input_blocks", count, end),
        *_numbered("middle_block", 3, end),
        *_numbered("output_blocks", count, end),
        "out.",
    )


def _joint_blocks(count: int) -> tuple[str, ...]:
    embedders = ("pos_embed.", "x_embedder.", "context_embedder.", "y_embedder.", "t_embedder.")
    return (*embedders, *_numbered("joint_blocks", count), "final_layer.")


_FLUX: Final = (
    *("img_in.", "time_in.", "guidance_in", "vector_in.", "txt_in."),
    *_numbered("double_blocks", 19),
    *_numbered("single_blocks", 38),
    "final_layer.",
)


def _merged(model1: Model, model2: Model, ratios: Mapping[str, float]) -> tuple[Model]:
    """What no name covers goes by the first ratio, as in ComfyUI."""
    shares = {prefix: blend(ratio) for prefix, ratio in ratios.items()}
    return (merged_models(model1, model2, next(iter(shares.values())), by_prefix=shares),)


@node(title="ModelMergeSD1", category=_CATEGORY, outputs=_MODEL, module=_MODULE)
class ModelMergeSD1(Node):
    """Mixes two models of SD 1.x with a ratio for each block: 1 is all of the first, 0 all of the second."""

    model1: Model = to_change()
    model2: Model = to_mix_in()
    ratios: Mapping[str, float] = by_name(_unet_blocks(12), share())

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _merged(self.model1, self.model2, self.ratios)


@node(title="ModelMergeSD2", category=_CATEGORY, outputs=_MODEL, module=_MODULE)
class ModelMergeSD2(Node):
    """Mixes two models of SD 2.x with a ratio for each block: 1 is all of the first, 0 all of the second."""

    model1: Model = to_change()
    model2: Model = to_mix_in()
    ratios: Mapping[str, float] = by_name(_unet_blocks(12), share())

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _merged(self.model1, self.model2, self.ratios)


@node(title="ModelMergeSDXL", category=_CATEGORY, outputs=_MODEL, module=_MODULE)
class ModelMergeSDXL(Node):
    """Mixes two models of SDXL with a ratio for each block: 1 is all of the first, 0 all of the second."""

    model1: Model = to_change()
    model2: Model = to_mix_in()
    ratios: Mapping[str, float] = by_name(_unet_blocks(9, ""), share())

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _merged(self.model1, self.model2, self.ratios)


@node(title="ModelMergeSD3_2B", category=_CATEGORY, outputs=_MODEL, module=_MODULE, name="ModelMergeSD3_2B")
class ModelMergeSD3Medium(Node):
    """Mixes two models of SD3 Medium with a ratio for each block: 1 is all of the first, 0 all of the second."""

    model1: Model = to_change()
    model2: Model = to_mix_in()
    ratios: Mapping[str, float] = by_name(_joint_blocks(24), share())

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _merged(self.model1, self.model2, self.ratios)


@node(title="ModelMergeSD35_Large", category=_CATEGORY, outputs=_MODEL, module=_MODULE, name="ModelMergeSD35_Large")
class ModelMergeSD35Large(Node):
    """Mixes two models of SD3.5 Large with a ratio for each block: 1 is all of the first, 0 all of the second."""

    model1: Model = to_change()
    model2: Model = to_mix_in()
    ratios: Mapping[str, float] = by_name(_joint_blocks(38), share())

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _merged(self.model1, self.model2, self.ratios)


@node(title="ModelMergeFlux1", category=_CATEGORY, outputs=_MODEL, module=_MODULE)
class ModelMergeFlux1(Node):
    """Mixes two models of Flux with a ratio for each block: 1 is all of the first, 0 all of the second."""

    model1: Model = to_change()
    model2: Model = to_mix_in()
    ratios: Mapping[str, float] = by_name(_FLUX, share())

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _merged(self.model1, self.model2, self.ratios)

"""Every node that this engine knows."""

from typing import Final

from studio_engine.graph.node import Registry, registry_of
from studio_engine.nodes.conditioning import CLIPTextEncode
from studio_engine.nodes.image import LoadImage, PreviewImage, SaveImage
from studio_engine.nodes.latent import EmptyLatentImage, VAEDecode, VAEEncode
from studio_engine.nodes.loaders import CheckpointLoaderSimple, LoraLoader
from studio_engine.nodes.sampling import KSampler

NODES: Final[Registry] = registry_of(
    (
        CheckpointLoaderSimple,
        CLIPTextEncode,
        EmptyLatentImage,
        KSampler,
        VAEDecode,
        VAEEncode,
        LoadImage,
        SaveImage,
        PreviewImage,
        LoraLoader,
    )
)

"""Sizes of every UNet family in miniature."""

from dataclasses import replace

from studio_engine.models.families.unet.config import UnetConfig
from tests.models.tiny_checkpoint import TINY_UNET

POOLED = 20
TINY_SD2 = replace(TINY_UNET, uses_linear_projection=True)
TINY_SDXL = UnetConfig(
    in_channels=4,
    out_channels=4,
    widths=(16, 32, 32),
    layers_per_block=2,
    down_depths=((0, 0), (2, 2), (3, 3)),
    up_depths=((3, 3, 3), (2, 2, 2), (0, 0, 0)),
    middle_depth=3,
    context_width=32,
    uses_linear_projection=True,
    heads=(2, 2, 2),
    norm_groups=8,
    vector_width=POOLED + 6 * 256,
)
TINY_REFINER = replace(
    TINY_SDXL,
    widths=(16, 32, 32, 32),
    down_depths=((0, 0), (2, 2), (2, 2), (0, 0)),
    up_depths=((0, 0, 0), (2, 2, 2), (2, 2, 2), (0, 0, 0)),
    middle_depth=2,
    heads=(2, 2, 2, 2),
    vector_width=POOLED + 5 * 256,
)
# Segmind's smaller SDXL: other numbers of layers on the way up, and one resnet in the middle.
TINY_SSD = replace(
    TINY_SDXL, down_depths=((0, 0), (2, 2), (4, 4)), up_depths=((4, 4, 5), (2, 1, 1), (0, 0, 0)), middle_depth=0
)
# KOALA: one resnet a level, nothing in the middle.
TINY_KOALA = replace(
    TINY_SDXL,
    layers_per_block=1,
    down_depths=((0,), (2,), (5,)),
    up_depths=((5, 5), (2, 2), (0, 0)),
    middle_depth=None,
)
TINY_UNETS = {
    "sd1": TINY_UNET,
    "sd2": TINY_SD2,
    "sdxl": TINY_SDXL,
    "sdxl_refiner": TINY_REFINER,
    "ssd": TINY_SSD,
    "koala": TINY_KOALA,
}

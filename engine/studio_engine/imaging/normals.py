"""Surface normals."""

from __future__ import annotations

import torch
from torch import Tensor

from studio_engine.imaging.edges import grey, sobel


def normals_from_depth(depth: Tensor, strength: float) -> Tensor:
    """Normals `[batch, 3, h, w]` in 0…1 of a depth picture `[batch, channels, h, w]` that is white where near.

    Red points right, green up and blue at the viewer, as ControlNet's normal models were trained.
    """
    across, down = sobel(grey(depth))
    # What comes nearer to the right faces left; what comes nearer downwards faces up.
    normal = torch.cat([-across * strength, down * strength, torch.ones_like(across)], dim=1)
    length = normal.square().sum(dim=1, keepdim=True).sqrt()
    return normal / length / 2 + 0.5

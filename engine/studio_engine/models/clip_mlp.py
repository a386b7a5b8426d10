"""The middle of CLIP's layers under the names that OpenAI gave them, which adapters' files took over."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ClipMlp(nn.Module):
    """Two linear layers with the quick GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.c_fc(x)
        output: Tensor = self.c_proj(inner * torch.sigmoid(1.702 * inner))
        return output

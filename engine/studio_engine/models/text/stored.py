"""Layers whose weights stay in the number format that they are stored in, and are widened as they compute.

ComfyUI's text encoders keep 16-bit weights and compute in fp32. T5-XXL takes 19 GB in fp32, 5 to 10 GB as stored.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class StoredEmbedding(nn.Embedding):
    def forward(self, ids: Tensor) -> Tensor:
        """fp32, whatever the table holds."""
        # 8-bit formats cannot be indexed; their bytes can.
        if self.weight.dtype.itemsize == 1:
            return self.weight.view(torch.uint8)[ids].view(self.weight.dtype).float()
        return self.weight[ids].float()


class StoredLayerNorm(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        return functional.layer_norm(x, self.normalized_shape, weight, bias, self.eps)

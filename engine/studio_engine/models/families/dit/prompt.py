"""What transformers read of a prompt besides its tokens."""

from __future__ import annotations

from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.sampling.conditioning import Cond


def pooled_of(cond: Cond, width: int) -> Tensor:
    """`[rows, width]`: the whole prompt in one vector."""
    pooled = cond.pooled
    if pooled is None or pooled.shape[-1] < width:
        raise EngineError(
            "engine.node_failed",
            "This prompt has no pooled text of the model's size; encode it with text encoders of its own family.",
        )
    return pooled[:, :width]

"""The latents that families agree on: of one format, one family's pictures can be another's start."""

from __future__ import annotations

from typing import Final

from studio_engine.sampling.model import LatentFormat

SD_LATENT: Final = LatentFormat(scale=0.18215)
"""Stable Diffusion 1 and 2."""
SDXL_LATENT: Final = LatentFormat(scale=0.13025)
PLAYGROUND_LATENT: Final = LatentFormat(
    scale=0.5, mean=(-1.6574, 1.886, -1.383, 2.5155), deviation=(8.4927, 5.9022, 6.5498, 5.2299)
)
"""Playground 2.5's (Li et al. 2024): even in every channel, then halved."""
SD3_LATENT: Final = LatentFormat(channels=16, scale=1.5305, shift=0.0609)
FLUX_LATENT: Final = LatentFormat(channels=16, scale=0.3611, shift=0.1159)

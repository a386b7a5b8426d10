import torch
from torch import Tensor, nn

from studio_engine.models.parts import LoadedPart
from studio_engine.models.preview import fit_preview_factors
from studio_engine.runtime.plan import plain_plan
from studio_engine.sampling.model import LatentFormat
from tests.models.tiny_checkpoint import TINY_VAE

FORMAT = LatentFormat(scale=0.5, shift=0.25)
COLOURS = torch.tensor([[0.2, -0.1, 0.0], [0.0, 0.3, 0.1], [-0.2, 0.0, 0.1], [0.1, 0.1, -0.3]])


class LinearDecoder(nn.Module):
    """What the fit assumes an autoencoder roughly is: each cell's colour is a linear map of its latent."""

    def decode(self, latents: Tensor, return_dict: bool) -> tuple[Tensor]:
        cells = FORMAT.to_model(latents).permute(0, 2, 3, 1) @ COLOURS + 0.1
        return (nn.functional.interpolate(cells.permute(0, 3, 1, 2), scale_factor=8) * 2 - 1,)


def test_the_map_of_a_linear_autoencoder_is_found() -> None:
    part = LoadedPart(LinearDecoder(), TINY_VAE, torch.float32, owned_bytes=0)
    factors = fit_preview_factors(part, FORMAT, plain_plan())
    torch.testing.assert_close(factors, torch.cat([COLOURS, torch.full((1, 3), 0.1)]), atol=1e-5, rtol=0)

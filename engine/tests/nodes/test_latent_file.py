import pytest
import torch
from safetensors.torch import save

from studio_engine.errors import EngineError
from tests.nodes.node_runner import Quiet, one


class Uploads(Quiet):
    def __init__(self, data):
        super().__init__()
        self.data = data

    def input_file(self, name):
        return self.data


def loaded(data):
    return one("LoadLatent", Uploads(data), latent="a.latent").samples


def test_latents_come_back_as_they_were_saved():
    samples = torch.randn(2, 4, 8, 8)
    assert torch.equal(loaded(save({"latent_tensor": samples, "latent_format_version_0": torch.empty(0)})), samples)
    torch.testing.assert_close(loaded(save({"latent_tensor": samples.half()})), samples.half().float() / 0.18215)


@pytest.mark.parametrize(
    "data", [b"", b"no file", save({"other": torch.ones(1)}), save({"latent_tensor": torch.ones(3)})]
)
def test_what_holds_no_latents_is_refused(data):
    with pytest.raises(EngineError, match="no latents"):
        loaded(data)

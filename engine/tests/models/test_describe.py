"""With which settings a model looks best: its family's, its own name's, or what its file says."""

from pathlib import Path

import pytest
from safetensors.torch import save_file

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.models.describe import describe
from studio_engine.models.distilled import settings_for
from studio_engine.models.families import family_named
from studio_engine.models.files import ModelDefaults
from tests.models.tiny_checkpoint import TINY_METADATA, tiny_tensors

SDXL = family_named("sdxl").defaults


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("sdxl_lightning_4step.safetensors", (1024, 4, 1.0, "euler", "sgm_uniform")),
        ("Hyper-SDXL-8steps-merge.safetensors", (1024, 8, 1.0, "euler", "sgm_uniform")),
        ("sd_xl_turbo_1.0_fp16.safetensors", (512, 4, 1.0, "euler_ancestral", "normal")),
        ("mine/DreamShaperXL_Turbo.safetensors", (1024, 8, 2.0, "dpmpp_sde", "karras")),
        ("some-LCM.safetensors", (1024, 6, 1.5, "lcm", "sgm_uniform")),
        ("turbo/base.safetensors", (1024, SDXL.steps, SDXL.cfg, SDXL.sampler, SDXL.scheduler)),
        ("falcmore.safetensors", (1024, SDXL.steps, SDXL.cfg, SDXL.sampler, SDXL.scheduler)),
    ],
)
def test_few_step_models_are_told_by_name(name: str, settings: tuple[int, int, float, str, str]) -> None:
    found = settings_for(name, "sdxl", SDXL)
    assert (found.width, found.steps, found.cfg, found.sampler, found.scheduler) == settings


def test_flow_models_keep_their_sampler() -> None:
    sd3 = ModelDefaults(1024, 1024, 28, 4.5, "euler", "simple")
    found = settings_for("sd3.5_large_turbo.safetensors", "sd3", sd3)
    assert found == ModelDefaults(1024, 1024, 4, 1.0, "euler", "simple")


@pytest.mark.parametrize(
    ("metadata", "settings"),
    [
        ({"modelspec.resolution": "640x896"}, (640, 896, 20, 7.0, "dpmpp_2m", "karras")),
        ({"studio.default_steps": "12", "studio.default_cfg": "3.5"}, (64, 64, 12, 3.5, "dpmpp_2m", "karras")),
        (
            {"studio.default_sampler": "euler", "studio.default_scheduler": "simple"},
            (64, 64, 20, 7.0, "euler", "simple"),
        ),
        ({"studio.default_sampler": "no such", "studio.default_cfg": "-1"}, (64, 64, 20, 7.0, "dpmpp_2m", "karras")),
    ],
)
def test_a_file_may_say_what_suits_it(
    tmp_path: Path, metadata: dict[str, str], settings: tuple[int, int, int, float, str, str]
) -> None:
    path = tmp_path / "m.safetensors"
    save_file(tiny_tensors(), path, TINY_METADATA | metadata)
    found = describe("checkpoint", "m.safetensors", path, digests=DigestCache(tmp_path / "d.json")).defaults
    assert found == ModelDefaults(*settings)

"""Transformers as a graph uses them: loaded from single files, told by prompts, asked for steps."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio_engine.checkpoint.safetensors_file import read_header
from studio_engine.denoise.request import Forward, Request
from studio_engine.errors import EngineError
from studio_engine.models.blueprints import blueprint_of
from studio_engine.models.families import find_network
from studio_engine.models.families.dit.channels import extra_channels
from studio_engine.models.families.dit.config import FluxConfig, Sd3Config
from studio_engine.models.families.dit.network import DitNetwork
from studio_engine.models.families.dit.stream import DitInput
from studio_engine.models.families.dit.walk_flux import walk_flux
from studio_engine.models.files import ModelFile
from studio_engine.models.load import load_part
from studio_engine.models.parts import LoadedPart, PartRef
from studio_engine.runtime.plan import ComputePlan, plain_plan
from studio_engine.sampling.conditioning import Cond, NetInput, RunInfo
from studio_engine.sampling.hooks import NetworkHooks
from studio_engine.sampling.latent_formats import FLUX_LATENT, SD3_LATENT
from studio_engine.sampling.model import LatentFormat
from tests.models.dit.tiny_dit import DEV, FILL, SCHNELL, SD3, SD35, write_tiny_dit

CONTEXT, POOLED = torch.randn(1, 7, 24), torch.randn(1, 20)


class Alone:
    """A batcher of one."""

    def run(self, request: Request, forward: Forward) -> Tensor:
        return request.answered(forward)


@dataclass
class OneSource:
    """A PartSource that loads from files at once."""

    plan: ComputePlan = field(default_factory=plain_plan)
    batcher: Alone = field(default_factory=Alone)

    def part(self, ref: PartRef) -> LoadedPart:
        headers = [read_header(file.path) for file in ref.files]
        blueprint = blueprint_of(ref, headers, self.plan)
        return load_part(blueprint, blueprint.empty(), headers, plan=self.plan)


def network(path: Path, config: Sd3Config | FluxConfig, dtype: str | None = None) -> DitNetwork:
    write_tiny_dit(path, config)
    found = find_network(read_header(path))
    assert found is not None
    family, keys = found
    file = ModelFile(path.name, "checkpoint", path, "0" * 64, 0, "tiny", family.name)
    ref = PartRef((file,), "network", family.name, weight_dtype=dtype)
    made = family.network(OneSource(), ref, None, keys)  # type: ignore[arg-type]
    assert isinstance(made, DitNetwork)
    return made


def run_of(shape: tuple[int, ...] = (2, 4, 8, 12), mask: Tensor | None = None) -> RunInfo:
    latent = torch.zeros(shape)
    return RunInfo(torch.Size(shape), torch.device("cpu"), latent, latent, mask, seed=0)


def rows(inputs: NetInput, count: int) -> NetInput:
    from studio_engine.sampling.net_rows import with_rows

    return with_rows(inputs, count)


def predicted(made: DitNetwork, cond: Cond, time: float = 0.7) -> Tensor:
    x = torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(3))
    inputs = rows(made.prepare(cond, 0, run_of()), 2)
    return made.predict(x, torch.full((2,), time), inputs, NetworkHooks(), torch.full((2,), 0.7))


@pytest.mark.parametrize("config", [SD3, SD35])
def test_sd3_is_loaded_and_answers(tmp_path: Path, config: Sd3Config) -> None:
    made = network(tmp_path / "t.safetensors", config)
    module = write_tiny_dit(tmp_path / "again.safetensors", config)
    x = torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(3))
    expected = module(x, CONTEXT.expand(2, -1, -1), POOLED.expand(2, -1), torch.full((2,), 700.0)).sample
    torch.testing.assert_close(predicted(made, Cond(CONTEXT, POOLED), 700.0), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("config", [DEV, SCHNELL])
def test_flux_counts_sigmas_to_a_thousand(tmp_path: Path, config: FluxConfig) -> None:
    made = network(tmp_path / "t.safetensors", config)
    answers = [predicted(made, Cond(CONTEXT, POOLED, guidance=guidance)) for guidance in (None, 3.5, 9.0)]
    assert torch.equal(answers[0], answers[1])
    assert torch.equal(answers[0], answers[2]) != config.has_guidance


def test_flux_is_loaded_and_answers(tmp_path: Path) -> None:
    made = network(tmp_path / "t.safetensors", DEV)
    module = write_tiny_dit(tmp_path / "again.safetensors", DEV)
    x = torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(3))
    call = DitInput(
        x=x,
        timestep=torch.full((2,), 700.0),
        context=CONTEXT.expand(2, -1, -1),
        vector=POOLED.expand(2, -1),
        sigma=torch.full((2,), 0.7),
        latent_shape=tuple(x.shape),
        guidance=torch.full((2,), 3500.0),
    )
    expected = walk_flux(module, call, NetworkHooks())
    torch.testing.assert_close(predicted(made, Cond(CONTEXT, POOLED), 0.7), expected, atol=1e-4, rtol=1e-4)


def test_guidance_can_be_switched_off(tmp_path: Path) -> None:
    made = network(tmp_path / "t.safetensors", DEV)
    assert made.prepare(Cond(CONTEXT, POOLED, extra={"is_guidance_off": True}), 0, run_of()).guidance is None
    told = made.prepare(Cond(CONTEXT, POOLED), 0, run_of()).guidance
    assert told is not None
    assert told.tolist() == [3500.0]


@pytest.mark.parametrize(
    ("cond", "words"),
    [
        (Cond(torch.zeros(1, 7, 9), POOLED), "different families"),
        (Cond(CONTEXT, None), "no pooled text"),
        (Cond(CONTEXT, torch.zeros(1, 3)), "no pooled text"),
    ],
)
@pytest.mark.parametrize("config", [SD3, DEV])
def test_prompts_of_other_families_are_refused(
    tmp_path: Path, config: Sd3Config | FluxConfig, cond: Cond, words: str
) -> None:
    with pytest.raises(EngineError, match=words):
        network(tmp_path / "t.safetensors", config).prepare(cond, 0, run_of())


def test_tokens_may_not_be_repeated(tmp_path: Path) -> None:
    assert (
        not network(tmp_path / "t.safetensors", SD3).prepare(Cond(CONTEXT, POOLED), 0, run_of()).is_context_repeatable
    )


def test_references_are_scaled_and_their_way_is_named(tmp_path: Path) -> None:
    made = network(tmp_path / "t.safetensors", DEV)
    raw = torch.ones(1, 4, 6, 6)
    cond = Cond(CONTEXT, POOLED, references=(raw,), extra={"reference_latents_method": "index"})
    inputs = made.prepare(cond, 0, run_of())
    torch.testing.assert_close(inputs.references[0], (raw - 0.1159) * 0.3611)
    assert list(inputs.extra) == ["index"]
    assert not torch.allclose(predicted(made, cond), predicted(made, Cond(CONTEXT, POOLED)))


def test_fill_reads_a_picture_and_the_pixels_of_the_mask() -> None:
    mask = torch.zeros(1, 64, 96)
    mask[:, 3, 5] = 1.0
    cond = Cond(CONTEXT, POOLED, concat_latent=torch.ones(1, 4, 8, 12), concat_mask=mask)
    channels = extra_channels(cond, run_of(), FLUX_LATENT, FILL)
    assert channels is not None
    assert channels.shape == (2, 4 + 64, 8, 12)
    torch.testing.assert_close(channels[:, :4], torch.full((2, 4, 8, 12), (1 - 0.1159) * 0.3611))
    # Row 3, column 5 of the first cell's 8 × 8 pixels.
    assert channels[:, 4:].nonzero().tolist() == [[0, 3 * 8 + 5, 0, 0], [1, 3 * 8 + 5, 0, 0]]


def test_fill_without_picture_and_mask_draws_everything() -> None:
    channels = extra_channels(Cond(CONTEXT, POOLED), run_of(), FLUX_LATENT, FILL)
    assert channels is not None
    torch.testing.assert_close(channels[:, :4], torch.full((2, 4, 8, 12), -0.1159 * 0.3611))
    assert channels[:, 4:].min() == 1.0


def test_plain_flux_reads_no_extra_channels() -> None:
    assert extra_channels(Cond(CONTEXT, POOLED), run_of(), FLUX_LATENT, DEV) is None


def test_fill_is_loaded_and_answers(tmp_path: Path) -> None:
    made = network(tmp_path / "t.safetensors", FILL)
    assert predicted(made, Cond(CONTEXT, POOLED)).shape == (2, 4, 8, 12)


@pytest.mark.parametrize("config", [SD35, DEV])
def test_8_bit_weights_answer_nearly_alike(tmp_path: Path, config: Sd3Config | FluxConfig) -> None:
    cond = Cond(CONTEXT, POOLED)
    wide = predicted(network(tmp_path / "t.safetensors", config), cond)
    made = network(tmp_path / "t.safetensors", config, "float8_e4m3fn")
    part = made.source.part(made.ref)
    assert part.dtype == torch.float32
    assert part.module.get_parameter("transformer_blocks.0.attn.to_q.weight").dtype == torch.float8_e4m3fn
    narrow = predicted(made, cond)
    assert (narrow - wide).abs().mean() < 0.1 * wide.abs().mean()


def test_a_missing_block_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    made = network(path, DEV)
    tensors = load_file(path)
    del tensors["model.diffusion_model.double_blocks.1.img_mlp.0.weight"]
    save_file(tensors, path)
    with pytest.raises(EngineError, match=r"double_blocks\.1\.img_mlp\.0\.weight"):
        made.source.part(made.ref)


@pytest.mark.parametrize(
    ("latent", "raw", "scaled"),
    [
        (FLUX_LATENT, 0.1159, 0.0),
        (FLUX_LATENT, 1.1159, 0.3611),
        (SD3_LATENT, 0.0609, 0.0),
        (SD3_LATENT, 1.0609, 1.5305),
    ],
)
def test_latents_are_shifted_then_scaled(latent: LatentFormat, raw: float, scaled: float) -> None:
    assert latent.to_model(torch.tensor(raw)).item() == pytest.approx(scaled, abs=1e-6)

"""Nodes that patch a model, on a real (tiny, random) UNet."""

from dataclasses import replace

import pytest
import torch

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.errors import EngineError
from studio_engine.models.inventory import scan_models
from studio_engine.models.store import ModelStore
from studio_engine.runtime.plan import plain_plan
from studio_engine.sampling.conditioning import Cond, NetInput
from studio_engine.sampling.guidance import CfgGuider, bound
from studio_engine.sampling.hooks import Place
from studio_engine.sampling.model import Latent
from tests.models.tiny_checkpoint import write_tiny_checkpoint
from tests.nodes.node_runner import Quiet, one
from tests.sampling.gaussian_model import GaussianModel, prompt, run_of

LATENT = Latent(torch.zeros(1, 4, 16, 16))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    write_tiny_checkpoint(folder / "checkpoints" / "tiny.safetensors")
    write_tiny_checkpoint(folder / "checkpoints" / "other.safetensors", seed=9)
    inventory = scan_models(folder / "none", folder, DigestCache(folder / "digests.json"))
    return ModelStore(inventory, plain_plan(), 64_000_000)


@pytest.fixture(scope="module")
def model(models):
    return models.checkpoint("tiny.safetensors")[0]


def words(seed):
    return (Cond(torch.randn(1, 77, 32, generator=torch.Generator().manual_seed(seed))),)


def draw(model, **changes):
    settings = {"positive": words(1), "negative": words(2), "latent_image": LATENT, "steps": 2, "cfg": 4.0}
    return one("KSampler", model=model, **(settings | changes)).samples


@pytest.fixture(scope="module")
def plain(model):
    return draw(model)


# What switches each patch off; None where nothing does.
PATCHES = {
    "FreeU": {"b1": 1.0, "b2": 1.0, "s1": 1.0, "s2": 1.0},
    "FreeU_V2": {"b1": 1.0, "b2": 1.0, "s1": 1.0, "s2": 1.0},
    "HyperTile": {"tile_size": 2048},
    "TomePatchModel": {"ratio": 0.0},
    "PatchModelAddDownscale": {"start_percent": 1.0, "end_percent": 1.0},
    "PerturbedAttentionGuidance": {"scale": 0.0},
    "SelfAttentionGuidance": {"scale": 0.0},
    "UNetSelfAttentionMultiply": {},
    "UNetCrossAttentionMultiply": {},
    "RescaleCFG": {"multiplier": 0.0},
    "RenormCFG": {"renorm_cfg": 0.0},
    "APG": None,
    "TCFG": None,
    "FreSca": {"scale_low": 1.0, "scale_high": 1.0},
    "CFGNorm": None,
    "CFGZeroStar": None,
    "Mahiro": None,
    "Epsilon Scaling": {"scaling_factor": 1.0},
    "ModelSamplingDiscrete": {},
}
STRONG = {
    "FreSca": {"freq_cutoff": 2},
    "HyperTile": {"tile_size": 32},
    "UNetSelfAttentionMultiply": {"v": 2.0},
    "UNetCrossAttentionMultiply": {"out": 0.0},
    "ModelSamplingDiscrete": {"sampling": "v_prediction"},
}


@pytest.mark.parametrize("node", [node for node, neutral in PATCHES.items() if neutral is not None])
def test_a_patch_that_is_switched_off_changes_nothing(node, model, plain):
    drawn = draw(one(node, model=model, **PATCHES[node]))
    torch.testing.assert_close(drawn, plain, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("node", PATCHES)
def test_a_patch_changes_the_picture_and_not_the_model(node, model, plain):
    drawn = draw(one(node, model=model, **STRONG.get(node, {})))
    assert torch.isfinite(drawn).all()
    assert (drawn - plain).abs().mean() > 1e-3 * plain.abs().mean()
    assert torch.equal(draw(model), plain)


@pytest.mark.parametrize("node", ["CreateHookModelAsLora", "CreateHookModelAsLoraModelOnly"])
def test_hooked_prompts_are_answered_by_another_model(node, models, model, plain):
    other = draw(models.checkpoint("other.safetensors")[0])
    hooks = one(node, Quiet(models), ckpt_name="other.safetensors", strength_model=1.0)
    hooked = [one("ConditioningSetProperties", cond_NEW=words(seed), hooks=hooks) for seed in (1, 2)]
    torch.testing.assert_close(draw(model, positive=hooked[0], negative=hooked[1]), other, rtol=1e-3, atol=1e-3)
    half = draw(model, positive=hooked[0])
    assert all((half - each).abs().mean() > 0.01 * each.abs().mean() for each in (plain, other))
    assert torch.equal(draw(model), plain)


@pytest.mark.parametrize("cache", ["EasyCache", "LazyCache"])
def test_a_cache_goes_with_hooked_prompts(cache, models, model):
    hooks = one("CreateHookModelAsLora", Quiet(models), ckpt_name="other.safetensors", strength_model=0.5)
    hooked = one("ConditioningSetProperties", cond_NEW=words(1), hooks=hooks)
    patched = one(cache, model=model, reuse_threshold=0.0)
    assert torch.equal(draw(patched, positive=hooked), draw(model, positive=hooked))


def test_patches_add_up(model, plain):
    one_patch = one("FreeU", model=model)
    both = one("PerturbedAttentionGuidance", model=one("RescaleCFG", model=one("TomePatchModel", model=one_patch)))
    pictures = [draw(each) for each in (model, one_patch, both)]
    assert len({picture.numpy().tobytes() for picture in pictures}) == 3


@pytest.mark.parametrize("node", ["PerturbedAttentionGuidance", "SelfAttentionGuidance"])
def test_guidance_by_attention_costs_one_call_more_per_step(node, model, monkeypatch):
    calls = []
    predict = type(model.network).predict
    monkeypatch.setattr(
        type(model.network), "predict", lambda self, x, *rest: calls.append(x.shape[0]) or predict(self, x, *rest)
    )
    draw(one(node, model=model))
    assert calls == [2, 1, 2, 1]


def test_small_latents_are_not_blurred(model):
    small = Latent(torch.zeros(1, 4, 4, 4))
    patched = one("SelfAttentionGuidance", model=model)
    torch.testing.assert_close(draw(patched, latent_image=small), draw(model, latent_image=small))


class Skipping(GaussianModel):
    """Answers zero where layers are skipped."""

    def denoise(self, x, sigma, inputs):
        answer = super().denoise(x, sigma, inputs)
        return torch.zeros_like(x) if self.hooks.skipped else answer


def guided(model, *, sigma, cfg=3.0):
    guidance = bound(CfgGuider(model, prompt(1.0), prompt(-1.0), cfg), run_of())
    return guidance(torch.zeros(1, 4, 2, 2), torch.tensor([sigma]))[0, 0, 0, 0].item()


def test_skipped_layers_push_the_answer_away():
    model = Skipping()
    patched = one("SkipLayerGuidanceDiT", model=model, double_layers="1, 2", single_layers="", scale=2.0)
    early, late = model.sampling.percent_to_sigma(0.1), model.sampling.percent_to_sigma(0.5)
    answer = model.denoise(torch.zeros(1, 4, 2, 2), torch.tensor([early]), run_inputs(1.0))[0, 0, 0, 0].item()
    assert guided(patched, sigma=early) == pytest.approx(guided(model, sigma=early) + 2.0 * answer, rel=1e-4)
    assert guided(patched, sigma=late) == guided(model, sigma=late)


def run_inputs(mean):
    return NetInput(torch.full((1, 77, 8), mean))


def test_the_simple_form_weakens_the_negative_prompt():
    patched = one("SkipLayerGuidanceDiTSimple", model=Skipping())
    # Positive answers 1 and negative 0 instead of −1, where sigma leaves nothing of x.
    assert guided(patched, sigma=14.0) == pytest.approx(3.0, rel=0.01)
    assert guided(Skipping(), sigma=14.0) == pytest.approx(5.0, rel=0.01)


def test_layers_are_read_from_any_text():
    patched = one("SkipLayerGuidanceSD3", model=Skipping(), layers="7, x8;9")
    (hook,) = patched.guidance.post_cfg
    assert hook.layers.places == (Place("double", 7), Place("double", 8), Place("double", 9))
    model = Skipping()
    assert one("SkipLayerGuidanceSD3", model=model, layers="none") is model


@pytest.mark.parametrize(
    ("node", "settings"),
    [
        ("ModelSamplingSD3", {"shift": 0.0}),
        ("ModelSamplingContinuousEDM", {"sigma_min": 0.0}),
        ("ModelSamplingContinuousV", {"sigma_min": 9.0, "sigma_max": 1.0}),
        ("ModelSamplingContinuousEDM", {"sampling": "cosmos_rflow"}),
    ],
)
def test_noise_levels_that_cannot_be_are_refused(node, settings):
    with pytest.raises(EngineError):
        one(node, model=GaussianModel(), **settings)


@pytest.mark.parametrize(
    ("node", "settings", "top"),
    [
        ("ModelSamplingDiscrete", {"zsnr": True}, 4518.76),
        ("ModelSamplingDiscrete", {"sampling": "lcm"}, 14.6146),
        ("ModelSamplingContinuousEDM", {"sampling": "edm"}, 120.0),
        ("ModelSamplingContinuousV", {}, 500.0),
        ("ModelSamplingStableCascade", {}, 100.0),
        ("ModelSamplingSD3", {}, 1.0),
        ("ModelSamplingAuraFlow", {}, 1.0),
        ("ModelSamplingFlux", {}, 1.0),
        ("ModelSamplingLTXV", {}, 1.0),
    ],
)
def test_noise_levels_are_those_of_the_family(node, settings, top):
    changed = one(node, model=GaussianModel(), **settings)
    assert changed.sampling.sigma_max == pytest.approx(top, rel=1e-3)
    assert replace(changed, sampling=GaussianModel().sampling).latent == GaussianModel().latent


def test_auraflow_tells_the_network_sigma_itself():
    models = [one(node, model=GaussianModel(), shift=2.0) for node in ("ModelSamplingSD3", "ModelSamplingAuraFlow")]
    times = [float(each.sampling.timestep(torch.tensor(0.5))) for each in models]
    assert times == [500.0, 0.5]


def test_playground_evens_out_the_channels():
    changed = one("ModelSamplingContinuousEDM", model=GaussianModel(), sampling="edm_playground_v2.5")
    raw = torch.randn(1, 4, 4, 4)
    torch.testing.assert_close(changed.latent.to_raw(changed.latent.to_model(raw)), raw)
    assert changed.sampling.data_deviation == 0.5

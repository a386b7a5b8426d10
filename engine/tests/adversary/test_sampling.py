"""Models, prompts, latents and adapters that do not go together, and runs that end in invalid numbers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.adversary.studio import Graph, Studio, loaded, n, pixels


def with_node(socket: str, name: str, slot: int = 0, **inputs: object) -> Graph:
    """The sampler reads its `socket` from the node 9."""
    graph = loaded()
    graph["9"] = n(name, **inputs)
    graph["5"]["inputs"][socket] = ["9", slot]
    return graph


def controlled(name: str, strength: float = 1.0, **picture: int) -> Graph:
    links = {"conditioning": ["2", 0], "control_net": ["8", 0], "image": ["10", 0]}
    graph = with_node("positive", "ControlNetApply", strength=strength, **links)
    graph["8"] = n("ControlNetLoader", control_net_name=name)
    graph["10"] = n("EmptyImage", **{"width": 32, "height": 32, "batch_size": 1, "color": 77, **picture})
    return graph


def test_a_lora_of_another_family_names_both(studio: Studio) -> None:
    for name, links in (("LoraLoaderModelOnly", {}), ("LoraLoader", {"clip": ["1", 1], "strength_clip": 1.0})):
        graph = with_node("model", name, model=["1", 0], lora_name="sdxl.safetensors", strength_model=1.0, **links)
        studio.refuses(graph, "model.family_unknown", "9", "LoRA was made for SDXL", "the loaded model is SD 1.5")


def test_a_lora_of_other_widths_is_refused(studio: Studio) -> None:
    graph = with_node("model", "LoraLoaderModelOnly", model=["1", 0], lora_name="wide.safetensors", strength_model=1.0)
    error = studio.error(graph)
    assert error.code in ("model.family_unknown", "model.file_corrupt")
    assert "wide.safetensors" in error.message


def test_a_control_of_another_family_names_both(studio: Studio) -> None:
    """Tiny nets are told by their widths, real ones by the families that have them."""
    made, loaded_model = "a model that reads text of width 64", "a model that reads text of width 32"
    studio.refuses(controlled("xl.safetensors"), "model.family_unknown", "5", made, loaded_model)
    error = studio.refuses(controlled("t2i_xl.safetensors"), "model.family_unknown", "5", "SDXL")
    assert "SD 1" in error.message


def test_controls_take_pictures_of_any_shape(studio: Studio) -> None:
    for name in ("tiny.safetensors", "t2i.safetensors"):
        for size in ({"width": 1, "height": 1}, {"width": 300, "height": 2, "batch_size": 3}):
            assert studio.run(controlled(name, **size)).node_errors == {}


def test_a_control_too_strong_is_named(studio: Studio) -> None:
    graph = controlled("tiny.safetensors", strength=10.0)
    graph["5"]["inputs"]["cfg"] = 100.0
    assert_not_black(studio, graph)


def test_prompts_of_another_family_are_refused(studio: Studio) -> None:
    graph = loaded()
    graph["10"] = n("CLIPLoader", clip_name="tiny.safetensors", type="sd3")
    graph["2"]["inputs"]["clip"] = ["10", 0]
    studio.refuses(graph, "engine.node_failed", "5", "prompt")


def test_an_sdxl_model_takes_prompts_of_its_own_alone(studio: Studio) -> None:
    graph = loaded("sdxl.safetensors")
    graph["8"] = n("CheckpointLoaderSimple", ckpt_name="tiny.safetensors")
    graph["2"]["inputs"]["clip"] = ["8", 1]
    studio.refuses(graph, "engine.node_failed", "5", "encode the prompt with the CLIP of the same checkpoint")


def test_a_vae_of_other_channels_is_refused(studio: Studio) -> None:
    graph = loaded()
    graph["8"] = n("VAELoader", vae_name="sixteen.safetensors")
    graph["6"]["inputs"]["vae"] = ["8", 0]
    studio.refuses(graph, "engine.node_failed", "6", "4 channels", "16", "Use the VAE of the model")


def test_a_tiled_decoder_of_other_channels_is_refused(studio: Studio) -> None:
    graph = loaded()
    graph["8"] = n("VAELoader", vae_name="sixteen.safetensors")
    settings = {"tile_size": 64, "overlap": 0, "temporal_size": 64, "temporal_overlap": 8}
    graph["6"] = n("VAEDecodeTiled", samples=["5", 0], vae=["8", 0], **settings)
    studio.refuses(graph, "engine.node_failed", "6", "Use the VAE of the model")


def test_latents_of_other_channels_are_refused(studio: Studio) -> None:
    graph = with_node("latent_image", "VAEEncode", pixels=["10", 0], vae=["8", 0])
    graph["8"] = n("VAELoader", vae_name="sixteen.safetensors")
    graph["10"] = n("EmptyImage", width=32, height=32, batch_size=1, color=77)
    studio.refuses(graph, "engine.node_failed", "5", "16 channels", "4")


def test_a_text_encoder_of_the_wrong_type_is_refused(studio: Studio) -> None:
    for kind in ("wan", "mochi", "stable_cascade", "hidream"):
        graph = with_node("positive", "CLIPTextEncode", text="a cat", clip=["8", 0])
        graph["8"] = n("CLIPLoader", clip_name="tiny.safetensors", type=kind)
        error = studio.error(graph)
        assert error.code in ("model.family_unknown", "engine.node_failed")
        assert error.node_id == "8"
        assert "Error:" not in error.message, error


def assert_not_black(studio: Studio, graph: Graph) -> None:
    """A picture of more than one colour, or a named failure."""
    errors = studio.errors(graph)
    for each in errors.values():
        assert [told["type"] for told in each["errors"]] == ["engine.non_finite"]
    if not errors:
        assert all(picture.std() > 0 for picture in pixels(studio.run(graph)))


def test_guidance_that_overflows_names_node_and_step(studio: Studio) -> None:
    graph = loaded(steps=10, cfg=100.0, sampler_name="lms")
    # The network's own weights, doubled six times.
    for number in range(6):
        source = [str(20 + number - 1), 0] if number else ["1", 0]
        graph[str(20 + number)] = n("ModelMergeAdd", model1=source, model2=source)
    graph["5"]["inputs"]["model"] = ["25", 0]
    error = studio.error(graph)
    assert error.code == "engine.non_finite", error
    assert (error.node_id, error.node_class) == ("5", "KSampler")
    assert "step" in error.message, error.message
    assert error.details["step"] in range(1, 11)


@pytest.mark.parametrize(
    "sampler", ["euler", "heun", "dpmpp_2m", "dpmpp_sde", "uni_pc", "ddim", "res_multistep", "lcm"]
)
def test_extreme_guidance_never_draws_black(studio: Studio, sampler: str) -> None:
    assert_not_black(studio, loaded(cfg=100.0, steps=6, sampler_name=sampler))


SIGMAS: list[dict[str, Any]] = [
    n("SetFirstSigma", sigmas=["8", 0], sigma=20000.0),
    n("SetFirstSigma", sigmas=["8", 0], sigma=0.0),
    n("FlipSigmas", sigmas=["8", 0]),
    n("KarrasScheduler", steps=3, sigma_max=0.0, sigma_min=0.0, rho=0.0),
    n("KarrasScheduler", steps=3, sigma_max=5000.0, sigma_min=0.0, rho=100.0),
    n("KarrasScheduler", steps=3, sigma_max=0.0, sigma_min=5000.0, rho=7.0),
    n("ExponentialScheduler", steps=3, sigma_max=0.0, sigma_min=0.0),
    n("PolyexponentialScheduler", steps=3, sigma_max=0.0, sigma_min=5000.0, rho=100.0),
    n("LaplaceScheduler", steps=3, sigma_max=5000.0, sigma_min=0.0, mu=10.0, beta=10.0),
    n("VPScheduler", steps=3, beta_d=5000.0, beta_min=5000.0, eps_s=1.0),
    n("VPScheduler", steps=3, beta_d=0.0, beta_min=0.0, eps_s=0.0),
    n("BetaSamplingScheduler", model=["1", 0], steps=3, alpha=0.0, beta=0.0),
    n("BetaSamplingScheduler", model=["1", 0], steps=3, alpha=50.0, beta=50.0),
    n("BasicScheduler", model=["1", 0], scheduler="karras", steps=10000, denoise=0.0),
    n("SplitSigmas", sigmas=["8", 0], step=10000),
]


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m", "dpm_adaptive"])
def test_no_sigmas_break_a_run(studio: Studio, sampler: str) -> None:
    for sigmas in SIGMAS:
        graph = loaded()
        graph["8"] = n("BasicScheduler", model=["1", 0], scheduler="normal", steps=2, denoise=1.0)
        graph["9"] = sigmas
        graph["10"] = n("KSamplerSelect", sampler_name=sampler)
        links = {"sampler": ["10", 0], "sigmas": ["9", 0], "latent_image": ["4", 0]}
        prompts = {"model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0]}
        graph["5"] = n("SamplerCustom", add_noise=True, noise_seed=1, cfg=4.0, **prompts, **links)
        errors = studio.errors(graph)
        for each in errors.values():
            (told,) = each["errors"]
            assert told["type"] in ("engine.node_failed", "engine.non_finite")
            assert "Error:" not in told["message"], (sigmas, told["message"])


MASKS: list[dict[str, object]] = [
    n("SolidMask", value=0.0, width=32, height=32),
    n("SolidMask", value=1.0, width=1, height=1),
    n("SolidMask", value=0.5, width=1000, height=1),
]


def test_masks_of_no_area_draw_all_the_same(studio: Studio) -> None:
    for mask in MASKS:
        for name, inputs in (
            ("SetLatentNoiseMask", {"samples": ["4", 0], "mask": ["8", 0]}),
            ("VAEEncodeForInpaint", {"pixels": ["10", 0], "vae": ["1", 2], "mask": ["8", 0], "grow_mask_by": 64}),
        ):
            graph = with_node("latent_image", name, **inputs)
            graph["8"] = mask
            graph["10"] = n("EmptyImage", width=40, height=33, batch_size=1, color=77)
            assert studio.errors(graph) == {}
        for area in ("default", "mask bounds"):
            links = {"conditioning": ["2", 0], "mask": ["8", 0]}
            graph = with_node("positive", "ConditioningSetMask", strength=1.0, set_cond_area=area, **links)
            graph["8"] = mask
            assert studio.errors(graph) == {}


def test_areas_outside_of_the_picture_are_refused(studio: Studio) -> None:
    area = {"width": 64, "height": 64, "x": 16384, "y": 0, "strength": 1.0}
    graph = with_node("positive", "ConditioningSetArea", conditioning=["2", 0], **area)
    studio.refuses(graph, "engine.node_failed", "5", "move it into the picture")


def test_pictures_smaller_than_a_latent_cell_are_refused(studio: Studio) -> None:
    for name in ("VAEEncode", "VAEEncodeTiled"):
        settings = {"tile_size": 64, "overlap": 0, "temporal_size": 64, "temporal_overlap": 8}
        extra = settings if name == "VAEEncodeTiled" else {}
        graph = with_node("latent_image", name, pixels=["10", 0], vae=["1", 2], **extra)
        graph["10"] = n("EmptyImage", width=1, height=1, batch_size=1, color=77)
        studio.refuses(graph, "engine.node_failed", "9", "too small", "8 or more")


def test_merges_of_two_families_are_refused(studio: Studio) -> None:
    for name in ("ModelMergeSimple", "ModelMergeAdd", "ModelMergeSubtract"):
        extra = {"ModelMergeSimple": {"ratio": 0.5}, "ModelMergeSubtract": {"multiplier": 1.0}}.get(name, {})
        graph = with_node("model", name, model1=["1", 0], model2=["8", 0], **extra)
        graph["8"] = n("CheckpointLoaderSimple", ckpt_name="sdxl.safetensors")
        error = studio.error(graph)
        assert error.code in ("model.family_unknown", "engine.node_failed")
        assert "Error:" not in error.message, error

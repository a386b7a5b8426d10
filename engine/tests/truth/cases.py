"""What is drawn: one case for each sampler, with the schedulers in turn, and one for each feature."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from studio_engine.sampling.model import Latent
from studio_engine.sampling.samplers import SAMPLERS
from studio_engine.sampling.schedulers import SCHEDULERS
from tests.truth.studio import STEPS, Studio, ramp, right_half

Case = Callable[[Studio], Latent]


def _samplers() -> dict[str, Case]:
    def case(sampler: str, scheduler: str) -> Case:
        # Up to three steps, variants of multistep methods agree.
        steps = 4 if sampler in ("lms", "ipndm_v") else STEPS
        cfg = 1.5 if "pp" in sampler else 5.0
        return lambda studio: studio.draw(sampler_name=sampler, scheduler=scheduler, cfg=cfg, steps=steps)

    schedulers = list(SCHEDULERS)
    pairs = [(sampler, schedulers[number % len(schedulers)]) for number, sampler in enumerate(SAMPLERS)]
    # The _gpu variants are the same on a CPU, which a test of the samplers holds.
    return {f"{sampler} {scheduler}": case(sampler, scheduler) for sampler, scheduler in pairs if "gpu" not in sampler}


def _patched(node: str, **settings) -> Case:
    return lambda studio: studio.draw(model=studio.one(node, model=studio.model, **settings))


def _image_to_image(studio: Studio) -> Latent:
    return studio.draw(latent_image=studio.encoded(), denoise=0.5)


def _inpaint(studio: Studio) -> Latent:
    masked = studio.one("SetLatentNoiseMask", samples=studio.encoded(), mask=right_half())
    return studio.draw(latent_image=masked, denoise=0.8)


def _inpaint_ddim(studio: Studio) -> Latent:
    masked = studio.one("SetLatentNoiseMask", samples=studio.encoded(), mask=right_half())
    return studio.draw(latent_image=masked, sampler_name="ddim", scheduler="ddim_uniform")


def _inpaint_emptied(studio: Studio) -> Latent:
    emptied = studio.one("VAEEncodeForInpaint", pixels=studio.photo, vae=studio.vae, mask=right_half())
    return studio.draw(latent_image=emptied)


def _differential(studio: Studio) -> Latent:
    masked = studio.one("SetLatentNoiseMask", samples=studio.encoded(), mask=ramp())
    model = studio.one("DifferentialDiffusion", model=studio.model)
    return studio.draw(model=model, latent_image=masked)


def _areas(studio: Studio) -> Latent:
    area = studio.one("ConditioningSetArea", conditioning=studio.forest, width=64, height=64, x=64, y=0, strength=2.0)
    both = studio.one("ConditioningCombine", conditioning_1=studio.castle, conditioning_2=area)
    return studio.draw(positive=both, latent_image=studio.empty(side=128), steps=2)


def _shares(studio: Studio) -> Latent:
    left = studio.one("ConditioningSetAreaPercentage", conditioning=studio.castle, width=0.5, height=1.0, x=0, y=0)
    right = studio.one("ConditioningSetAreaPercentage", conditioning=studio.forest, width=0.5, height=1.0, x=0.5, y=0)
    both = studio.one("ConditioningCombine", conditioning_1=left, conditioning_2=right)
    return studio.draw(positive=both)


def _masks(studio: Studio, bounds: str = "default") -> Latent:
    masked = studio.one(
        "ConditioningSetMask", conditioning=studio.forest, mask=right_half(), strength=2.0, set_cond_area=bounds
    )
    return studio.draw(positive=studio.castle + masked)


def _times(studio: Studio) -> Latent:
    first = studio.one("ConditioningSetTimestepRange", conditioning=studio.forest, start=0.0, end=0.4)
    rest = studio.one("ConditioningSetTimestepRange", conditioning=studio.castle, start=0.4, end=1.0)
    return studio.draw(positive=first + rest, steps=4)


def _longer(studio: Studio) -> Latent:
    both = studio.one("ConditioningConcat", conditioning_to=studio.castle, conditioning_from=studio.forest)
    return studio.draw(positive=both)


def _between(studio: Studio) -> Latent:
    mixed = studio.one(
        "ConditioningAverage",
        conditioning_to=studio.castle,
        conditioning_from=studio.forest,
        conditioning_to_strength=0.4,
    )
    return studio.draw(positive=mixed)


def _zeros(studio: Studio) -> Latent:
    return studio.draw(negative=studio.one("ConditioningZeroOut", conditioning=studio.nothing))


def _weights(studio: Studio) -> Latent:
    return studio.draw(positive=studio.prompt("a (castle:1.4) and a [forest] (at ((night)))"))


def _two_parts(studio: Studio) -> Latent:
    settings = {
        "model": studio.model,
        "positive": studio.castle,
        "negative": studio.nothing,
        "noise_seed": 7,
        "steps": 4,
        "cfg": 5.0,
        "scheduler": "karras",
    }
    first = studio.one(
        "KSamplerAdvanced",
        latent_image=studio.empty(),
        end_at_step=2,
        return_with_leftover_noise="enable",
        **settings,
    )
    return studio.one("KSamplerAdvanced", latent_image=first, add_noise="disable", start_at_step=2, **settings)


def _custom(studio: Studio) -> Latent:
    sigmas = studio.one("AlignYourStepsScheduler", model_type="SD1", steps=4)
    _, denoised = studio.run(
        "SamplerCustomAdvanced",
        noise=studio.one("RandomNoise", noise_seed=7),
        guider=_guider(studio, "CFGGuider", positive=studio.castle, negative=studio.nothing, cfg=5.0),
        sampler=studio.one("SamplerDPMPP_2M_SDE", solver_type="heun", eta=0.5, noise_device="cpu"),
        sigmas=sigmas,
        latent_image=studio.empty(),
    )
    return denoised


def _guider(studio: Studio, node: str, **inputs):
    return studio.one(node, model=studio.model, **inputs)


def _guided(node: str, make: Callable[[Studio], dict[str, object]]) -> Case:
    def case(studio: Studio) -> Latent:
        output, _ = studio.run(
            "SamplerCustomAdvanced",
            noise=studio.one("RandomNoise", noise_seed=7),
            guider=_guider(studio, node, **make(studio)),
            sampler=studio.one("KSamplerSelect", sampler_name="euler"),
            sigmas=studio.one("KarrasScheduler", steps=3),
            latent_image=studio.empty(),
        )
        return output

    return case


def _larger(studio: Studio) -> Latent:
    small = studio.draw()
    upscaled = studio.one("LatentUpscaleBy", samples=small, upscale_method="bislerp", scale_by=1.5)
    return studio.draw(latent_image=upscaled, denoise=0.6, steps=2)


def _row_of_a_batch(studio: Studio) -> Latent:
    return studio.draw(latent_image=studio.one("LatentFromBatch", samples=studio.empty(4), batch_index=2))


def _composite(studio: Studio) -> Latent:
    laid = studio.one("LatentComposite", samples_to=studio.encoded(), samples_from=studio.draw(), x=32, y=0, feather=16)
    return studio.draw(latent_image=laid, denoise=0.4)


def _unsampled(studio: Studio) -> Latent:
    sigmas = studio.one(
        "FlipSigmas", sigmas=studio.one("BasicScheduler", model=studio.model, steps=3, scheduler="normal")
    )
    noisy, _ = studio.run(
        "SamplerCustom",
        model=studio.model,
        add_noise=False,
        cfg=1.0,
        positive=studio.nothing,
        negative=studio.nothing,
        sampler=studio.one("KSamplerSelect", sampler_name="euler"),
        sigmas=sigmas,
        latent_image=studio.encoded(),
    )
    return Latent(noisy.samples / noisy.samples.std())


FEATURES: Mapping[str, Case] = {
    "image to image": _image_to_image,
    "inpaint": _inpaint,
    "inpaint with ddim": _inpaint_ddim,
    "inpaint over grey": _inpaint_emptied,
    "differential diffusion": _differential,
    "prompts in areas": _areas,
    "prompts in shares": _shares,
    "prompts under masks": _masks,
    "prompts in the bounds of masks": lambda studio: _masks(studio, "mask bounds"),
    "prompts in turn": _times,
    "longer prompt": _longer,
    "prompt between two": _between,
    "zeros for a negative prompt": _zeros,
    "weighted words": _weights,
    "two parts": _two_parts,
    "cfg 1": lambda studio: studio.draw(cfg=1.0),
    "custom sampling": _custom,
    "basic guider": _guided("BasicGuider", lambda studio: {"conditioning": studio.castle}),
    "dual guider": _guided(
        "DualCFGGuider",
        lambda studio: {
            "cond1": studio.castle,
            "cond2": studio.forest,
            "negative": studio.nothing,
            "cfg_conds": 3.0,
            "cfg_cond2_negative": 4.0,
        },
    ),
    "perpendicular negative": _guided(
        "PerpNegGuider",
        lambda studio: {
            "positive": studio.castle,
            "negative": studio.forest,
            "empty_conditioning": studio.nothing,
            "cfg": 5.0,
        },
    ),
    "larger": _larger,
    "row of a batch": _row_of_a_batch,
    "composite": _composite,
    "picture to noise": _unsampled,
    "free u": _patched("FreeU"),
    "free u 2": _patched("FreeU_V2"),
    "rescaled guidance": _patched("RescaleCFG"),
    # In smaller latents the middle block has a single token, which attends to itself anyway.
    "perturbed attention": lambda studio: studio.draw(
        model=studio.one("PerturbedAttentionGuidance", model=studio.model), latent_image=studio.empty(side=128), steps=2
    ),
    "self attention": lambda studio: studio.draw(
        model=studio.one("SelfAttentionGuidance", model=studio.model), latent_image=studio.empty(side=96), steps=2
    ),
    "adaptive projection": _patched("APG", momentum=-0.5),
    "merged tokens": _patched("TomePatchModel", ratio=0.4),
    "deep shrink": _patched("PatchModelAddDownscale", block_number=1),
    "attention multiplied": _patched("UNetCrossAttentionMultiply", v=1.5),
    "epsilon scaling": _patched("Epsilon Scaling", scaling_factor=1.02),
}

CASES: Mapping[str, Case] = {**_samplers(), **FEATURES}

AGAIN = ("dpmpp_2m_sde kl_optimal", "inpaint", "prompts in areas", "merged tokens", "two parts")
"""Drawn twice, to be equal bit for bit."""

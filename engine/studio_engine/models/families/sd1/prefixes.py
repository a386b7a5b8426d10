"""Where the parts of a Stable Diffusion 1 single file live."""

from typing import Final

UNET: Final = "model.diffusion_model."
VAE: Final = "first_stage_model."
TEXT: Final = "cond_stage_model.transformer.text_model."

# Keys that belong to training or to tables which this engine computes itself.
IGNORED_PREFIXES: Final = ("model_ema.", "loss.", "first_stage_model.loss.")
IGNORED_KEYS: Final = frozenset(
    {
        TEXT + "embeddings.position_ids",
        "cond_stage_model.transformer.text_projection.weight",
        "cond_stage_model.logit_scale",
        "cond_stage_model.text_projection",
        "logvar",
        "betas",
        "alphas_cumprod",
        "alphas_cumprod_prev",
        "sqrt_alphas_cumprod",
        "sqrt_one_minus_alphas_cumprod",
        "log_one_minus_alphas_cumprod",
        "sqrt_recip_alphas_cumprod",
        "sqrt_recipm1_alphas_cumprod",
        "posterior_variance",
        "posterior_log_variance_clipped",
        "posterior_mean_coef1",
        "posterior_mean_coef2",
        "lvlb_weights",
    }
)


def is_ignored(key: str) -> bool:
    return key in IGNORED_KEYS or key.startswith(IGNORED_PREFIXES)

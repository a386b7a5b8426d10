"""Stored tensors that a network has no use for: other parts, training's own, tables that this engine computes."""

from __future__ import annotations

from typing import Final

_PREFIXES: Final = (
    "first_stage_model.",
    "vae.",
    "cond_stage_model.",
    "conditioner.",
    "text_encoders.",
    "embedder.",
    "model_ema.",
    "loss.",
    "denoiser.",
    "noise_augmentor.",
)
_KEYS: Final = frozenset(
    {
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
        "v_pred",
        "ztsnr",
        "edm_mean",
        "edm_std",
        "edm_vpred.sigma_max",
        "edm_vpred.sigma_min",
        "scaled_fp8",
    }
)


def is_idle_for_network(key: str) -> bool:
    if key in _KEYS or key.startswith(_PREFIXES):
        return True
    # 8-bit weights carry their scales beside them; `fill` multiplies them in.
    return key.endswith((".scale_weight", ".scale_input", ".weight_scale", ".input_scale", ".scaled_fp8"))

"""Keys that trainers put beside the weights to say what the network's output means."""

from __future__ import annotations

from studio_engine.checkpoint.safetensors_file import read_tensors
from studio_engine.models.keys import PartKeys
from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.edm import continuous_sampling
from studio_engine.sampling.model_sampling import ModelSampling

_PLAYGROUND_RANGE = (0.002, 80.0)
_PLAYGROUND_DEVIATION = 0.5


def is_playground(keys: PartKeys) -> bool:
    return "edm_mean" in keys.header.tensors and "edm_std" in keys.header.tensors


def is_cosine(keys: PartKeys) -> bool:
    """CosXL: velocity over a continuous range of noise."""
    return "edm_vpred.sigma_max" in keys.header.tensors


def marked_sampling(keys: PartKeys) -> ModelSampling:
    """Noise prediction unless a marker says otherwise: `v_pred`, `ztsnr`, `edm_vpred.*`, `edm_mean` and `edm_std`."""
    stored = keys.header.tensors
    if is_playground(keys):
        return continuous_sampling("edm", _PLAYGROUND_RANGE, data_deviation=_PLAYGROUND_DEVIATION)
    if is_cosine(keys):
        values = read_tensors(keys.header)
        low = float(values["edm_vpred.sigma_min"]) if "edm_vpred.sigma_min" in values else 0.002
        return continuous_sampling("v", (low, float(values["edm_vpred.sigma_max"])))
    if "v_pred" in stored:
        return discrete_sampling("v", is_zero_snr="ztsnr" in stored)
    return discrete_sampling()

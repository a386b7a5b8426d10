"""What the api is told a network is: only what draws from a prompt alone may carry the family's plain name."""

import pytest

from studio_engine.models.detect import detect_network
from studio_engine.models.distilled import settings_for
from studio_engine.models.variant import defaults_of, variant_of
from tests.models.dit.published import CANNY, DEV, FILL, SCHNELL, flux
from tests.models.families.test_published import header_of
from tests.models.published import Shapes, stored

FLUX = {"flux": DEV, "flux-schnell": SCHNELL, "flux-fill": FILL, "flux-edit": CANNY}


def told(shapes: Shapes) -> tuple[str, float]:
    family, keys = detect_network(header_of(shapes))
    variant = variant_of(family, keys)
    return variant, defaults_of(family, variant).cfg


@pytest.mark.parametrize(
    ("file", "variant"),
    [
        ("sd1", "sd1"),
        ("sd1_inpaint", "sd1-inpaint"),
        ("sd1_pix2pix", "sd1-edit"),
        ("sd2", "sd2"),
        ("sd2_inpaint", "sd2-inpaint"),
        ("sdxl", "sdxl"),
        ("sdxl_inpaint_unet", "sdxl-inpaint"),
        ("sdxl_refiner", "sdxl-refiner"),
    ],
)
def test_a_unet_is_told_with_what_it_reads(file: str, variant: str) -> None:
    assert told(stored(file)) == (variant, 7.0)


@pytest.mark.parametrize("variant", FLUX)
def test_flux_is_told_with_what_it_reads_and_the_guidance_that_suits_it(variant: str) -> None:
    assert told(dict(flux(FLUX[variant]))) == (variant, 1.0 if variant == "flux-schnell" else 3.5)


def test_few_steps_leave_flux_its_guidance() -> None:
    family, _ = detect_network(header_of(dict(flux(DEV))))
    found = settings_for("flux-turbo.safetensors", "flux", family.defaults)
    assert (found.steps, found.cfg) == (4, 3.5)

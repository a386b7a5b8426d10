"""The nodes that encode prompts hand on what was set in them."""

from typing import cast

import pytest
import torch

from studio_engine.errors import EngineError
from studio_engine.graph.node import NodeContext
from studio_engine.models.text.recipes import FLUX, SD1, SD3, SDXL, SDXL_REFINER
from studio_engine.nodes.conditioning_flux import CLIPTextEncodeFlux
from studio_engine.nodes.conditioning_text import (
    CLIPTextEncodeControlnet,
    CLIPTextEncodeSD3,
    CLIPTextEncodeSDXL,
    CLIPTextEncodeSDXLRefiner,
)
from studio_engine.nodes.loaders_text import CLIPSetLastLayer, T5TokenizerOptions
from studio_engine.sampling.conditioning import SizeHint
from tests.models.text.tiny_text import WIDTHS, tiny_stack

CTX = cast(NodeContext, None)
SIZES = {"width": 512, "height": 640, "crop_w": 3, "crop_h": 4, "target_width": 700, "target_height": 800}


def test_sdxl_carries_texts_and_sizes() -> None:
    clip = tiny_stack(SDXL)
    ((cond,),) = CLIPTextEncodeSDXL(clip=clip, text_g="dog", text_l="cat", **SIZES).run(CTX)
    assert cond.size == SizeHint(512, 640, 3, 4, 700, 800)
    (dog,), (cat,) = clip.encode("dog"), clip.encode("cat")
    low = WIDTHS["clip_l"]
    assert torch.equal(cond.context, torch.cat([cat.context[..., :low], dog.context[..., low:]], -1))
    assert torch.equal(cond.pooled, dog.pooled)


def test_sdxls_node_refuses_other_encoders() -> None:
    with pytest.raises(EngineError, match="no encoder g"):
        CLIPTextEncodeSDXL(clip=tiny_stack(SD1), text_g="dog", text_l="cat", **SIZES).run(CTX)


def test_the_refiner_carries_the_score() -> None:
    node = CLIPTextEncodeSDXLRefiner(clip=tiny_stack(SDXL_REFINER), text="dog", ascore=2.5, width=512, height=640)
    ((cond,),) = node.run(CTX)
    assert (cond.size.aesthetic_score, cond.size.width, cond.size.height) == (2.5, 512, 640)


@pytest.mark.parametrize(("empty_padding", "tokens"), [("none", 77 + 1), ("empty_prompt", 77 + 77)])
def test_sd3_pads_empty_prompts_where_told(empty_padding: str, tokens: int) -> None:
    node = CLIPTextEncodeSD3(clip=tiny_stack(SD3), clip_l="cat", clip_g="", t5xxl="", empty_padding=empty_padding)
    ((cond,),) = node.run(CTX)
    assert cond.context.shape[1] == tokens


def test_flux_carries_texts_and_guidance() -> None:
    clip = tiny_stack(FLUX)
    ((cond,),) = CLIPTextEncodeFlux(clip=clip, clip_l="dog", t5xxl="cat", guidance=2.0).run(CTX)
    assert cond.guidance == 2.0
    assert torch.equal(cond.context, clip.encode("cat")[0].context)
    assert torch.equal(cond.pooled, clip.encode("dog")[0].pooled)


def test_controlnets_get_a_prompt_of_their_own() -> None:
    clip = tiny_stack(SDXL)
    own, told = clip.encode("dog"), clip.encode("cat")
    ((cond,),) = CLIPTextEncodeControlnet(clip=clip, conditioning=own, text="cat").run(CTX)
    assert torch.equal(cond.context, own[0].context)
    assert torch.equal(cond.extra["cross_attn_controlnet"], told[0].context)
    assert torch.equal(cond.extra["pooled_output_controlnet"], told[0].pooled)


def test_clip_skip_and_t5_padding_are_set() -> None:
    (skipped,) = CLIPSetLastLayer(clip=tiny_stack(SD1), stop_at_clip_layer=-2).run(CTX)
    assert torch.equal(skipped.encode("cat")[0].context, tiny_stack(SD1).with_layer(-2).encode("cat")[0].context)
    (padded,) = T5TokenizerOptions(clip=tiny_stack(FLUX), min_padding=0, min_length=99).run(CTX)
    assert padded.encode("cat")[0].context.shape[1] == 99

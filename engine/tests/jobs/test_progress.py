import pytest

from studio_engine.jobs.progress import Stage, stage_of
from studio_engine.nodes import NODES


@pytest.mark.parametrize(
    ("stage", "names"),
    [
        ("loading", ["CheckpointLoaderSimple", "UNETLoader", "LoraLoader", "LoadImage", "LoadImageMask"]),
        ("loading", ["GrowMask", "SolidMask", "RescaleCFG", "FreeU_V2", "BasicScheduler", "KSamplerSelect"]),
        ("encoding", ["CLIPTextEncode", "CLIPTextEncodeFlux", "ConditioningCombine", "ControlNetApplyAdvanced"]),
        ("encoding", ["VAEEncode", "VAEEncodeTiled", "InpaintModelConditioning", "CLIPVisionEncode"]),
        ("sampling", ["KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced"]),
        ("decoding", ["VAEDecode", "VAEDecodeTiled", "ImageUpscaleWithModel"]),
        ("saving", ["SaveImage", "PreviewImage", "SaveAnimatedWEBP"]),
    ],
)
def test_people_are_told_what_a_node_does_to_their_picture(stage: Stage, names: list[str]) -> None:
    assert {name: stage_of(NODES[name].spec) for name in names} == dict.fromkeys(names, stage)

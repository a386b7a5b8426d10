from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio_engine.checkpoint.digest import DigestCache, sha256_of
from studio_engine.errors import EngineError
from studio_engine.models.inventory import Inventory, make_folders, scan_models
from tests.models.tiny_checkpoint import write_tiny_checkpoint


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    write_tiny_checkpoint(tmp_path / "starter" / "starter.safetensors")
    models = tmp_path / "models"
    write_tiny_checkpoint(models / "checkpoints" / "mine" / "other.safetensors", seed=5)
    (models / "checkpoints" / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    (models / "checkpoints" / "old.ckpt").write_bytes(b"PK\x03\x04" + b"\0" * 50)
    (models / "checkpoints" / "notes.txt").write_text("not a model")
    (models / "loras").mkdir()
    save_file({"decoder.conv_in.weight": torch.ones(4, 8)}, models / "loras" / "vae.safetensors")
    return scan_models(tmp_path / "starter", models, DigestCache(tmp_path / "digests.json"))


def test_usable_files_are_listed_by_relative_name(inventory: Inventory) -> None:
    assert inventory.list_files("checkpoints") == ["starter.safetensors", "mine/other.safetensors"]
    assert inventory.list_files("loras") == []
    assert inventory.list_files("input") is None


def test_a_file_carries_what_its_header_says(inventory: Inventory) -> None:
    file = inventory.find("checkpoint", "starter.safetensors")
    assert (file.title, file.family, file.sha256) == ("Tiny", "sd1", sha256_of(file.path))
    assert file.defaults is not None
    assert (file.defaults.width, file.defaults.height) == (64, 64)


def test_unusable_files_carry_the_reason(inventory: Inventory) -> None:
    problems = {file.name: file.problem.message for file in inventory.files if file.problem is not None}
    assert set(problems) == {"cut.safetensors", "old.ckpt", "vae.safetensors"}
    assert "cannot be used" in problems["old.ckpt"]
    assert "not a LoRA" in problems["vae.safetensors"]


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        ("checkpoint", "none.safetensors", "model.file_missing"),
        ("checkpoint", "cut.safetensors", "model.file_corrupt"),
        ("lora", "vae.safetensors", "model.family_unknown"),
    ],
)
def test_asking_for_what_cannot_be_used_says_why(inventory: Inventory, kind: str, name: str, code: str) -> None:
    with pytest.raises(EngineError) as caught:
        inventory.find("checkpoint" if kind == "checkpoint" else "lora", name)
    assert caught.value.code == code


def test_an_empty_models_folder_is_no_error(tmp_path: Path) -> None:
    assert scan_models(tmp_path / "a", tmp_path / "b", DigestCache(tmp_path / "d.json")).files == ()


def test_empty_folders_show_where_files_go(tmp_path: Path) -> None:
    make_folders(tmp_path / "models")
    assert {"checkpoints", "loras", "controlnet", "diffusers"} <= {
        each.name for each in (tmp_path / "models").iterdir()
    }
    (tmp_path / "file").touch()
    make_folders(tmp_path / "file" / "models")
